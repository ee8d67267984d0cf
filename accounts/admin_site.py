from typing import Any, cast

from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.auth.views import PasswordChangeView
from django.core.paginator import InvalidPage
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, reverse
from unfold.sites import UnfoldAdminSite

from accounts.admin_forms import LoginForm, OwnPasswordForm
from shop.http.request_context import bind_user


class AutocompleteView(AutocompleteJsonView):
    def serialize_result(self, obj: Model, to_field_name: str) -> dict[str, Any]:
        result = super().serialize_result(obj, to_field_name)
        if label := getattr(self.model_admin, "autocomplete_label", None):
            result["text"] = label(obj, searched=bool(self.term))
        return result


class ShopAdminSite(UnfoldAdminSite):
    login_form = LoginForm
    index_title = "Dashboard"

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        return cast("HttpResponse", AutocompleteView.as_view(admin_site=self)(request))

    def has_permission(self, request: HttpRequest) -> bool:
        allowed = super().has_permission(request)
        if allowed:
            bind_user(request.user, via="admin")
        return allowed

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        try:
            return super().search(request, extra_context)
        except InvalidPage as error:
            raise Http404 from error

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Omit "view on site": the shop has no website."""
        return [url for url in super().get_urls() if getattr(url, "name", "") != "view_on_site"]

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Also revoke all earlier logins."""
        request.current_app = self.name
        view = PasswordChangeView.as_view(
            form_class=OwnPasswordForm,
            success_url=reverse(f"{self.name}:password_change_done"),
            extra_context={**self.each_context(request), **(extra_context or {})},
            template_name=self.password_change_template or "registration/password_change_form.html",
        )
        return cast("TemplateResponse", view(request))
