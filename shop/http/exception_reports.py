"""Exception reports, such as mails to ``ADMINS``."""

from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter

from shop import logs
from shop.http import request_context


class Reporter(ExceptionReporter):
    """In production, no settings or local variables: Django masks only known names."""

    def get_traceback_text(self) -> str:  # type: ignore[override]
        if settings.DEBUG:
            return super().get_traceback_text()
        lines = [f"Request {request_context.current_request_id() or 'unknown'}"]
        for each in logs.exception_chain(self.exc_value) if self.exc_value else ():
            lines += ["", each["error"], *(f"  {frame}" for frame in each["at"])]
        return logs.redacted("\n".join(lines))

    def get_traceback_html(self) -> SafeString:
        return (
            super().get_traceback_html() if settings.DEBUG else format_html("<pre>{}</pre>", self.get_traceback_text())
        )
