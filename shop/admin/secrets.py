from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse


def secret_page(
    request: HttpRequest,
    site: admin.AdminSite,
    *,
    title: str,
    heading: str,
    secret: str,
    hint: str,
    page: str,
    code: str = "",
) -> HttpResponse:
    """Show a secret that is stored nowhere, once. ``page`` is where its reader goes on."""
    context = {
        **site.each_context(request),
        "title": title,
        "heading": heading,
        "secret": secret,
        "hint": hint,
        "code": code,
        "page": page,
    }
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return TemplateResponse(request, "admin/secret.html", context, headers=headers)
