"""Errors of requests that are refused before Django runs."""

from rest_framework import status

from shop.api.errors import ServiceUnavailable, ShopError


class RequestTimeout(ShopError):
    status_code = status.HTTP_408_REQUEST_TIMEOUT
    default_code = "request_timeout"
    default_detail = "The request body did not arrive in time."


class IncompleteBody(ShopError):
    default_code = "incomplete_body"
    default_detail = "The request body is incomplete."


class MalformedContentType(ShopError):
    status_code = status.HTTP_415_UNSUPPORTED_MEDIA_TYPE
    default_code = "unsupported_media_type"
    default_detail = "The Content-Type header is malformed."


class ServerBusy(ServiceUnavailable):
    default_code = "server_busy"
    default_detail = "Too many requests of this kind are being processed. Try again in a moment."
