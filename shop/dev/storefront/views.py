from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import conditional_page, require_safe

from shop.dev.storefront import files

API = "/api/v1"


def _simulator() -> str:
    return "" if settings.STRIPE_API_BASE == files.STRIPE else settings.STRIPE_API_BASE


@require_safe
@gzip_page
def page(request: HttpRequest) -> HttpResponse:
    """Without an ETag: browsers apply the policy of a 304, which is that of other paths, to the page that they keep."""
    addresses = {"api": API, "stripe_simulator": _simulator()}
    pictures = settings.CLOUD_DELIVERY_BASE if settings.USE_CLOUDINARY else ""
    response = HttpResponse(files.page(**addresses))
    response["Content-Security-Policy"] = files.policy(**addresses, pictures=pictures)
    # Apple Pay and Google Pay.
    response["Permissions-Policy"] = 'payment=(self "https://js.stripe.com")'
    patch_cache_control(response, no_cache=True)
    return response


@require_safe
@gzip_page
@conditional_page
def asset(request: HttpRequest, path: str) -> HttpResponse:
    found = files.read(path)
    if found is None:
        raise Http404
    content, content_type = found
    response = HttpResponse(content, content_type=content_type)
    patch_cache_control(response, no_cache=True)
    return response
