"""What is told of an exception to whoever asks Django for a report, such as its mails to ``ADMINS``."""

from html import escape

from django.conf import settings
from django.views.debug import ExceptionReporter

from shop import logs, request_context


class Reporter(ExceptionReporter):
    """Django's report in development; elsewhere what the log tells, and the request's id to find it there.

    Django's own holds the request, the settings and every local variable, and hides of them what it knows by name.
    """

    def get_traceback_text(self) -> str:
        if settings.DEBUG:
            return super().get_traceback_text()
        lines = [f"Request {request_context.current_request_id() or 'unknown'}"]
        for each in logs.report(self.exc_value) if self.exc_value else ():
            lines += ["", each["error"], *(f"  {frame}" for frame in each["at"])]
        return logs.scrubbed("\n".join(lines))

    def get_traceback_html(self) -> str:
        return super().get_traceback_html() if settings.DEBUG else f"<pre>{escape(self.get_traceback_text())}</pre>"
