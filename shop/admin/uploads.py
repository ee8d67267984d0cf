"""A save runs twice: validation raises `UploadsWaiting`, then images are stored outside the transaction."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminFileFieldWidget

from shop.media import MediaUnavailable, PreparedImage, prepare_image, store_image
from shop.media.cleanup import delete_image_later

# In parallel, because all uploads of a request share one deadline.
_STORED_AT_A_TIME = 4


class UploadsWaiting(Exception):
    """The page is valid, but images are not stored yet."""


class ImageUpload:
    def __init__(self, prepared: PreparedImage, *, folder: str) -> None:
        self.prepared = prepared
        self.folder = folder
        self.name = ""
        self.error: MediaUnavailable | None = None

    def store(self) -> None:
        try:
            self.name = store_image(self.prepared, folder=self.folder)
        except MediaUnavailable as error:
            # It may be stored nevertheless.
            self.name, self.error = error.name or "", error


class MultipleFileInput(UnfoldAdminFileFieldWidget):
    """Takes several files; the current ones are shown elsewhere."""

    template_name = "admin/widgets/choose_pictures.html"
    allow_multiple_selected = True


class ImagesFormField(forms.FileField):
    """Cleans to a list of `ImageUpload`."""

    widget = MultipleFileInput

    def __init__(self, *, folder: str, **kwargs: Any) -> None:
        self.folder = folder
        super().__init__(**kwargs)

    def clean(self, data: Any, initial: Any = None) -> list[ImageUpload]:
        files = [file for file in data or [] if file] if isinstance(data, list | tuple) else [data] if data else []
        if len(files) > settings.MAX_IMAGES_AT_ONCE:
            raise ValidationError(f"Choose at most {settings.MAX_IMAGES_AT_ONCE} images at once.", code="too_many")
        return [self._upload(file) for file in files]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(data and any(data if isinstance(data, list | tuple) else [data]))

    def _upload(self, file: UploadedFile) -> ImageUpload:
        # Kept on the file, since each run cleans the form again.
        upload: ImageUpload | None = getattr(file, "image_upload", None)
        if upload is None:
            try:
                upload = ImageUpload(prepare_image(file), folder=self.folder)
            except MediaUnavailable as error:
                raise ValidationError(str(error), code="media_unavailable") from error
            file.image_upload = upload  # type: ignore[attr-defined]
        if upload.error is not None:
            raise ValidationError(str(upload.error), code="media_unavailable") from upload.error
        return upload

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {"accept": "image/jpeg,image/png,image/webp"}


class Uploads:
    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    def __iter__(self) -> Iterator[ImageUpload]:
        for _, files in self.request.FILES.lists():
            yield from (file.image_upload for file in files if hasattr(file, "image_upload"))

    def require_stored(self) -> None:
        if any(not upload.name for upload in self):
            raise UploadsWaiting

    def store(self) -> None:
        """Failures become field errors in the second run."""
        waiting = [upload for upload in self if not upload.name]
        with ThreadPoolExecutor(max_workers=_STORED_AT_A_TIME, thread_name_prefix="upload") as pool:
            list(pool.map(ImageUpload.store, waiting))

    def discard(self) -> None:
        """Delete images of an unsaved page."""
        for upload in self:
            delete_image_later(upload.name)
