"""URLs in development: the shop's, and the starter storefront at ``/``."""

from django.urls import re_path

from shop import urls
from shop.dev.storefront import files, views
from shop.urls import handler400, handler403, handler404, handler500

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

# After the API's, which are requested most; before the shop's own root.
_api = len(urls.router.urls)
urlpatterns = [
    *urls.urlpatterns[:_api],
    re_path(rf"^(?:(?:{'|'.join(files.PAGES)})(?:/.*)?)?$", views.page, name="storefront"),
    re_path(r"^(?P<path>assets/.*)$", views.asset, name="storefront-asset"),
    *urls.urlpatterns[_api:],
]
