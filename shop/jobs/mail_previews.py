"""Previews of all mails, made from samples."""

from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from shop.jobs import mail_samples, mails

# Policy of a document in an opaque origin: no scripts, forms or requests.
SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; img-src https: data: 'self'; sandbox"


def mail_list(request: HttpRequest, *, context: Callable[[HttpRequest], dict[str, Any]]) -> HttpResponse:
    samples = [(template, mail_samples.sample_of(template)) for template in mail_samples.templates()]
    return TemplateResponse(request, "admin/mails.html", {**context(request), "title": "E-mails", "samples": samples})


def mail_preview(request: HttpRequest, template: str) -> HttpResponse:
    """Show a sample as HTML, or as text with ``?text``."""
    sample = mail_samples.sample_of(template)
    if sample is None:
        raise Http404
    text, html = mails.render(sample, logo="")
    if "text" in request.GET:
        return HttpResponse(text, content_type="text/plain; charset=utf-8")
    return HttpResponse(html, headers={"Content-Security-Policy": SANDBOX})
