from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelect2MultipleWidget

from accounts.api_keys import services
from accounts.api_keys.models import ApiKey
from shop.admin.base import TransactionalModelAdmin
from shop.admin.dialogs import DialogForm, dialog
from shop.admin.html import badge
from shop.admin.secrets import secret_page

# Models of the admin that no key may see or change.
CLOSED = {"accounts.apikey", "auth.group"}


def scopes_of(editor: Any) -> list[tuple[str, str]]:
    """Return the scopes that a member of staff may give, with their names."""
    found = []
    for permission in Permission.objects.select_related("content_type").order_by("codename"):
        kind = permission.content_type
        model, scope = kind.model_class(), f"{kind.app_label}.{permission.codename}"
        if model is None or model._meta.label_lower in CLOSED or not admin.site.is_registered(model):
            continue
        if editor.has_perm(scope):
            found.append((scope, f"{str(model._meta.verbose_name).capitalize()}: {permission.name} ({scope})"))
    return sorted(found, key=lambda pair: pair[1])


class ApiKeyForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        required=False,
        widget=UnfoldAdminSelect2MultipleWidget,
        help_text="What the key may see and change; only permissions that you have yourself.",
    )

    class Meta:
        model = ApiKey
        fields = ("name", "scopes", "expires_at")

    editor: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(scopes := self.fields.get("scopes"), forms.MultipleChoiceField):
            choices = scopes_of(self.editor)
            known = {scope for scope, _ in choices}
            # Those that the key has already may stay.
            others = [scope for scope in self.instance.scopes if scope not in known]
            scopes.choices = [*choices, *((scope, scope) for scope in others)]

    def clean_expires_at(self) -> Any:
        expires_at = self.cleaned_data["expires_at"]
        if "expires_at" in self.changed_data and expires_at is not None and expires_at <= timezone.now():
            raise forms.ValidationError("Enter a time in the future.", code="past")
        return expires_at


@admin.register(ApiKey)
class ApiKeyAdmin(TransactionalModelAdmin):
    form = ApiKeyForm
    list_display = ("name", "prefix", "state", "scope_count", "last_used_at", "expires_at", "owner")
    list_prefetch_related = {"owner": ("email", "is_active", "is_staff")}
    is_small = True
    ordering = ("-pk",)
    fields = (("name", "expires_at"), "scopes")
    readonly_fields = ("prefix", "state", "owner", "created_at", "last_used_at", "revoked_at")
    actions_detail = ("revoke", "take_over")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        about = (("prefix", "state"), ("owner", "created_at"), ("last_used_at", "revoked_at"))
        return (*self.fields, *about) if obj else self.fields

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.editor = request.user
        return form

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def action_blocker(self, button: str, key: ApiKey) -> str:
        return "This key is revoked." if key.revoked_at else ""

    @display(description="State")
    def state(self, key: ApiKey) -> str:
        if key.revoked_at:
            return badge("Revoked", "danger")
        if key.has_expired(timezone.now()):
            return badge("Expired", "warning")
        owner: Any = key.owner
        if owner is None or not (owner.is_active and owner.is_staff):
            return badge("Owner left", "danger")
        return badge("Active", "success")

    @display(description="Scopes")
    def scope_count(self, key: ApiKey) -> int:
        return len(key.scopes)

    def write(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        editor: Any = request.user
        if change:
            added = set(form.cleaned_data.get("scopes", ())) - set(form.initial.get("scopes") or ())
            services.require_held(added, by=editor)
            self.save_instance(obj, form)
            return
        made = services.create(
            name=obj.name, scopes=form.cleaned_data["scopes"], owner=editor, expires_at=obj.expires_at
        )
        # The form's object, which the page of the response is about.
        vars(obj).update(vars(made.key), secret=made.secret)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]
        """The service has logged it."""

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        return secret_page(
            request,
            self.admin_site,
            title="New API key",
            heading=f"The key of {obj.name}",
            secret=obj.secret,
            hint="Send it with each request:",
            code="Authorization: Api-Key …",
            page=self.change_url(obj.pk),
        )

    @dialog(
        button="Revoke",
        icon="key_off",
        permissions=["change"],
        title="Revoke this key?",
        text="Requests with it are refused at once. It cannot be undone.",
        variant=ActionVariant.DANGER,
    )
    def revoke(self, request: HttpRequest, form: DialogForm, key: ApiKey) -> str:
        services.revoke(key=key)
        return f"The key {key.name} is revoked."

    @dialog(
        button="Take over",
        icon="how_to_reg",
        permissions=["change"],
        url_path="take-over",
        title="Become responsible for this key?",
        text="A key stops working when its owner is deactivated or leaves the staff. You need all its permissions.",
    )
    def take_over(self, request: HttpRequest, form: DialogForm, key: ApiKey) -> str:
        editor: Any = request.user
        services.take_over(key=key, owner=editor)
        return f"You are now responsible for {key.name}."
