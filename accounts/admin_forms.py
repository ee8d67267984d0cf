from typing import Any

import structlog
from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from unfold.forms import (
    AdminOwnPasswordChangeForm,
    AdminPasswordChangeForm,
    AuthenticationForm,
    UserChangeForm,
    UserCreationForm,
)

from accounts import logins, mails, tokens
from accounts.models import User
from accounts.phone_numbers import MAX_TYPED_LENGTH, normalize_phone
from shop.api.rate_limits import ip_address_of, throttle
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.db.transactions import transactional
from shop.jobs.email_addresses import check_email

logger = structlog.get_logger(__name__)


class LoginForm(AuthenticationForm):
    request: HttpRequest
    # Django's message calls both fields case-sensitive.
    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": "Incorrect e-mail or password.",
    }

    def clean(self) -> dict[str, Any]:
        """Apply the API's login rate limits. Raises ``Throttled``."""
        ip_address, network = ip_address_of(self.request), None
        if email := self.cleaned_data.get("username"):
            throttle("login", ip_address=ip_address)
            network = logins.count_attempt(email=email, ip_address=ip_address)
        try:
            super().clean()
        except ValidationError:
            logger.info("admin_login_failed")
            raise
        if user := self.get_user():
            logins.record_network(user=user, ip_address=ip_address, known=network)
        return self.cleaned_data


@transactional("admin.set_password")
def _set_password(user: User) -> None:
    user.save(update_fields=["password"])
    tokens.revoke_all(user)
    # Django renews the session's auth hash from this.
    user.refresh_from_db(fields=["token_version"])
    staff_log.record(Action.CHANGE, user, fields=["password"])
    mails.new_password_mail.enqueue(user=str(user.pk))


class SetPasswordForm(AdminPasswordChangeForm):
    def save(self, commit: bool = True) -> User:
        super().save(commit=False)
        _set_password(self.user)
        return self.user


class OwnPasswordForm(AdminOwnPasswordChangeForm):
    def clean_old_password(self) -> str:
        throttle("password", f"user {self.user.pk}")
        return super().clean_old_password()

    def save(self, commit: bool = True) -> User:
        super().save(commit=False)
        _set_password(self.user)
        return self.user


class NewUserForm(UserCreationForm):
    # No unusable password: there is no other way to log in.
    usable_password = None

    class Meta:
        model = User
        fields = ("email", "name")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("password1", "password2"):
            self.fields[name].required = True

    def clean_email(self) -> str:
        return check_email(self.cleaned_data["email"])


class PhoneField(forms.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=MAX_TYPED_LENGTH, required=False, **kwargs)

    def to_python(self, value: Any) -> str:
        return normalize_phone(super().to_python(value) or "")


class UserForm(UserChangeForm):
    class Meta:
        model = User
        fields = "__all__"

    editor: User

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if phone := self.fields.get("phone"):
            self.fields["phone"] = PhoneField(label=phone.label, widget=phone.widget)

    def clean_email(self) -> str:
        email = self.cleaned_data["email"]
        # An unchanged address may be undeliverable.
        return check_email(email) if email != self.instance.email else email

    def clean(self) -> dict[str, Any]:
        super().clean()
        if self.instance.pk == self.editor.pk:
            for name in ("is_active", "is_staff", "is_superuser"):
                if name in self.fields and self.initial.get(name) and not self.cleaned_data.get(name):
                    self.add_error(
                        name, ValidationError("You cannot remove this from your own account.", code="own_account")
                    )
        return self.cleaned_data
