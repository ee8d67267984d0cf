"""Imported with SENTRY_DSN only."""

from typing import Any

import sentry_sdk
from django.conf import settings

from shop.http import request_context
from shop.logs import redacted


def start() -> None:
    """Report exceptions with their code, without what customers sent."""
    sentry_sdk.init(
        dsn=settings.SENTRY_DSN,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        before_send=without_personal_data,
    )


def without_personal_data(event: Any, hint: Any) -> Any:
    """Keep types and places of exceptions, as the logs do; their text may be user input."""
    for name in ("request", "user", "extra", "breadcrumbs"):
        event.pop(name, None)
    for exception in (event.get("exception") or {}).get("values") or []:
        exception["value"] = ""
    if "logentry" in event:
        event["logentry"] = {"message": redacted(str(event["logentry"].get("message", "")))[:300]}
    event["tags"] = {"request_id": request_context.current_request_id()}
    return event
