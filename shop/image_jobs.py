"""Images that nobody needs any more go by a job: the image service being away neither blocks nor leaks."""

from shop import jobs, media


def delete_image_later(name: str) -> None:
    """Delete the image and its derived sizes once the running transaction is committed."""
    jobs.enqueue("shop.delete_image", name=name)


@jobs.handler("shop.delete_image")
def _delete_image(*, name: str) -> None:
    media.delete_image(name)
