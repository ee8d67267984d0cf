"""Errors with which the HTTP server refuses requests before Django sees them."""

from rest_framework import status

from shop.api.errors import ServiceUnavailable, ShopError


class RequestTimeout(ShopError):
    """408: the request body did not arrive in time."""

    status_code = status.HTTP_408_REQUEST_TIMEOUT
    default_code = "request_timeout"
    default_detail = "The request body did not arrive in time."


class IncompleteBody(ShopError):
    """400: the request body ended early or is malformed."""

    default_code = "incomplete_body"
    default_detail = "The request body is incomplete."


class MalformedContentType(ShopError):
    """415: the Content-Type header cannot be parsed."""

    status_code = status.HTTP_415_UNSUPPORTED_MEDIA_TYPE
    default_code = "unsupported_media_type"
    default_detail = "The Content-Type header is malformed."


class ServerBusy(ServiceUnavailable):
    """503: too many requests of this kind are being processed."""

    default_code = "server_busy"
    default_detail = "Too many requests of this kind are being processed. Try again in a moment."
