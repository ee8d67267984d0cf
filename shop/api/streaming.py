"""Replies that are too large to be built in memory, in pieces that are read from the database one after the other.

The server sends a streamed reply only once it is complete, see `shop.http.application`.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from itertools import chain

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from shop.db.deadline import is_limited
from shop.http.circuit import circuit

# Smaller replies are sent as others are.
STREAMED_FROM = 1024 * 1024


def reply_in_pieces(pieces: Iterator[bytes], *, content_type: str, headers: Mapping[str, str]) -> HttpResponseBase:
    beginning = b""
    for piece in pieces:
        beginning += piece
        if len(beginning) >= STREAMED_FROM:
            return StreamingHttpResponse(chain([beginning], pieces), content_type=content_type, headers=headers)
    return HttpResponse(beginning, content_type=content_type, headers=headers)


def piece_time() -> AbstractContextManager[None]:
    """Limit the database time of a piece by itself, if the request's limit no longer applies.

    Raises ``DatabaseUnavailable``.
    """
    return nullcontext() if is_limited() else circuit.request()
