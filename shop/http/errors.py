"""Errors with which the HTTP server refuses requests before Django sees them."""

from rest_framework import status

from shop.errors import ServiceUnavailable, ShopError


class RequestTimeout(ShopError):
    """408: the request body did not arrive in time."""

    status_code = status.HTTP_408_REQUEST_TIMEOUT
    default_code = "request_timeout"
    default_detail = "The request body did not arrive in time."


class ServerBusy(ServiceUnavailable):
    """503: too many requests of this kind are being processed."""

    default_code = "server_busy"
    default_detail = "Too many requests of this kind are being processed. Try again in a moment."
