"""Pages of the admin's login: codes of two-factor login, forgotten passwords, invitations."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import segno
from bson import ObjectId
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME, login, update_session_auth_hash
from django.contrib.auth.views import LoginView, RedirectURLMixin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from accounts import logins, services
from accounts.errors import InvalidCode, InvalidLink
from accounts.links import INVITATION, RESET, Link
from accounts.models import User
from accounts.staff import invitations, second_factors
from accounts.staff.forms import ChoosePasswordForm, CodeForm, EmailForm
from shop.api.object_ids import parse_object_id
from shop.api.rate_limits import ip_address_of
from shop.http.addresses import base_url

# Keys of the session.
PENDING = "second_factor_pending"
SECRET = "second_factor_secret"  # noqa: S105
VERIFIED = "second_factor_verified"
# Time to enter the code after the password.
PENDING_SECONDS = 10 * 60
BACKEND = "accounts.backends.EmailBackend"
# Pages that are open to staff who still need to set up two-factor login.
OPEN_PAGES = ("two_factor", "logout")

Context = Callable[[HttpRequest], dict[str, Any]]


def admin_address(request: HttpRequest) -> str:
    return f"{base_url(request)}{reverse('admin:index')}"


def needs_setup(request: HttpRequest) -> bool:
    """Return whether the member of staff who is logged in has to set up two-factor login first."""
    return settings.ADMIN_REQUIRE_TWO_FACTOR and VERIFIED not in request.session


class AdminLoginView(LoginView):
    """With two-factor login, ask for the code on the next page."""

    def form_valid(self, form: Any) -> HttpResponse:
        user = form.get_user()
        if second_factors.factor_of(user) is None:
            return super().form_valid(form)
        self.request.session.cycle_key()
        self.request.session[PENDING] = {
            "user": str(user.pk),
            "until": time.time() + PENDING_SECONDS,
            "hash": user.get_session_auth_hash(),
        }
        query = urlencode({REDIRECT_FIELD_NAME: self.get_success_url()})
        return HttpResponseRedirect(f"{reverse('admin:login_code')}?{query}")


class _Redirect(RedirectURLMixin):
    next_page = "admin:index"

    def __init__(self, request: HttpRequest) -> None:
        self.request = request


@never_cache
@sensitive_post_parameters("code")
def login_code(request: HttpRequest, *, context: Context) -> HttpResponse:
    """Ask for the code of a login whose password was correct."""
    user = _pending_user(request)
    factor = second_factors.factor_of(user) if user is not None else None
    if user is None or factor is None:
        # It may have been removed since: then the password is enough.
        return HttpResponseRedirect(reverse("admin:login"))
    form = CodeForm(request.POST or None)
    if form.is_valid():
        try:
            second_factors.use_code(user=user, factor=factor, code=form.cleaned_data["code"])
        except InvalidCode as error:
            form.add_error("code", str(error.detail))
        else:
            del request.session[PENDING]
            login(request, user, backend=BACKEND)
            request.session[VERIFIED] = True
            return HttpResponseRedirect(_Redirect(request).get_success_url())
    return _page(request, "login_code", context, title="Two-factor login", form=form)


def _pending_user(request: HttpRequest) -> User | None:
    pending = request.session.get(PENDING)
    if not pending or pending["until"] < time.time():
        return None
    user = User.objects.active().filter(pk=ObjectId(pending["user"]), is_staff=True).first()
    # The password may have changed since.
    return user if user is not None and user.get_session_auth_hash() == pending["hash"] else None


@sensitive_post_parameters("code")
def two_factor(request: HttpRequest, *, context: Context) -> HttpResponse:
    """Set up two-factor login, renew the recovery codes, or turn it off."""
    user: Any = request.user
    factor = second_factors.factor_of(user)
    form = CodeForm(request.POST or None)
    codes: list[str] = []
    if form.is_valid():
        code = form.cleaned_data["code"]
        try:
            if factor is None:
                codes = second_factors.add(user=user, secret=_secret(request), code=code)
                del request.session[SECRET]
                update_session_auth_hash(request, user)
                request.session[VERIFIED] = True
            else:
                second_factors.use_code(user=user, factor=factor, code=code)
                if "remove" not in request.POST:
                    codes = second_factors.renew_recovery_codes(user=user)
                else:
                    second_factors.remove(user=user)
                    request.session.pop(VERIFIED, None)
                    messages.success(request, "Two-factor login is turned off.")
                    return HttpResponseRedirect(reverse("admin:index"))
        except InvalidCode as error:
            form.add_error("code", str(error.detail))
    shown: dict[str, Any] = {"form": form, "factor": factor, "codes": codes, "must_set_up": needs_setup(request)}
    if factor is None and not codes:
        secret = _secret(request)
        uri = second_factors.provisioning_uri(user, secret, issuer=str(settings.UNFOLD["SITE_TITLE"]))
        # segno writes markup of its own only.
        shown |= {"secret": secret, "qr": mark_safe(segno.make(uri).svg_inline(scale=5, border=2))}  # noqa: S308
    return _page(request, "two_factor", context, title="Two-factor login", **shown)


def _secret(request: HttpRequest) -> str:
    """Return the secret that is being set up; it is kept in the session until a code confirms it."""
    return request.session.setdefault(SECRET, second_factors.new_secret())


@never_cache
def forgot_password(request: HttpRequest, *, context: Context) -> HttpResponse:
    """Mail a link to members of staff. The page is the same for any address."""
    form = EmailForm(request.POST or None)
    sent = form.is_valid()
    if sent:
        invitations.request_password_reset(
            email=form.cleaned_data["email"], admin=admin_address(request), ip_address=ip_address_of(request)
        )
    return _page(request, "forgot_password", context, title="Forgot your password?", form=form, sent=sent)


@never_cache
def choose_password(request: HttpRequest, uid: str, token: str, *, context: Context) -> HttpResponse:
    """Set a new password with a link."""
    return _choose(request, RESET, uid, token, context=context, title="Choose a new password")


@never_cache
def accept_invitation(request: HttpRequest, uid: str, token: str, *, context: Context) -> HttpResponse:
    """Set the first password with an invitation."""
    return _choose(request, INVITATION, uid, token, context=context, title="Welcome to the team")


@sensitive_post_parameters()
def _choose(request: HttpRequest, link: Link, uid: str, token: str, *, context: Context, title: str) -> HttpResponse:
    pk = parse_object_id(uid)
    if pk is None:
        raise Http404
    try:
        user = link.owner(uid=pk, token=token)
        if not user.is_staff:
            raise InvalidLink
        form = ChoosePasswordForm(user, request.POST or None)
        if form.is_valid():
            services.reset_password(user=user, new_password=form.cleaned_data["password1"])
            logins.record_network(user=user, ip_address=ip_address_of(request))
            messages.success(request, "Your password is set. Log in with it.")
            return HttpResponseRedirect(reverse("admin:login"))
    except InvalidLink as error:
        return _page(request, "choose_password", context, title=title, problem=str(error))
    return _page(request, "choose_password", context, title=title, form=form, person=user)


def _page(request: HttpRequest, template: str, context: Context, **shown: Any) -> HttpResponse:
    response = TemplateResponse(request, f"admin/staff/{template}.html", {**context(request), **shown})
    # The address of some pages is a secret.
    response["Referrer-Policy"] = "no-referrer"
    return response
