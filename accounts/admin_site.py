from collections.abc import Callable
from functools import update_wrapper
from typing import Any, cast

from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import PasswordChangeView
from django.core.paginator import InvalidPage
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from unfold.sites import UnfoldAdminSite

from accounts.admin_forms import LoginForm, OwnPasswordForm
from accounts.staff import views
from shop.http.request_context import bind_user
from shop.jobs.mail_previews import mail_list, mail_preview


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
        # Not importable while the site is made, which its models' admins register with.
        from shop.admin import palette

        if "extended" in request.GET:
            # Not unfold's, which reads whole collections and caches what it finds.
            found = list(palette.results(request, request.GET.get("s", ""), self.get_sidebar_list(request)))
            return TemplateResponse(request, "admin/palette.html", {"results": found})
        try:
            return super().search(request, extra_context)
        except InvalidPage as error:
            raise Http404 from error

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Omit "view on site": the shop has no website."""
        context = {"context": self.each_context}
        pages: list[URLPattern | URLResolver] = [
            path("login/code/", views.login_code, context, name="login_code"),
            path("forgot-password/", views.forgot_password, context, name="forgot_password"),
            path("choose-password/<uid>/<token>/", views.choose_password, context, name="choose_password"),
            path("accept-invitation/<uid>/<token>/", views.accept_invitation, context, name="accept_invitation"),
            path("mails/", self.admin_view(mail_list), context, name="mails"),
            path("mails/<path:template>/", self.admin_view(mail_preview), name="mail_preview"),
            path("two-factor/", self.admin_view(views.two_factor), context, name="two_factor"),
        ]
        return pages + [url for url in super().get_urls() if getattr(url, "name", "") != "view_on_site"]

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """Where two-factor login is required, first lead to its page."""
        inner = super().admin_view(view, cacheable)

        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            page = request.resolver_match.url_name if request.resolver_match else ""
            if page not in views.OPEN_PAGES and self.has_permission(request) and views.needs_setup(request):
                return HttpResponseRedirect(reverse(f"{self.name}:two_factor"))
            return cast("HttpResponse", inner(request, *args, **kwargs))

        return update_wrapper(checked, inner)

    @method_decorator([never_cache, login_not_required])
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """As Django's, with a page for the code of two-factor login."""
        index = reverse(f"{self.name}:index")
        if request.method == "GET" and self.has_permission(request):
            return HttpResponseRedirect(index)
        context = {
            **self.each_context(request),
            "title": "Log in",
            "app_path": request.get_full_path(),
            REDIRECT_FIELD_NAME: request.POST.get(REDIRECT_FIELD_NAME, request.GET.get(REDIRECT_FIELD_NAME, index)),
            **(extra_context or {}),
        }
        request.current_app = self.name
        view = views.AdminLoginView.as_view(
            authentication_form=LoginForm, template_name="admin/login.html", extra_context=context
        )
        return cast("HttpResponse", view(request))

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
