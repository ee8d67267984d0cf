from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelect2MultipleWidget

from shop.admin.base import PlainDeleteConfirmationMixin, ReadOnlyModelAdmin, TransactionalModelAdmin
from shop.admin.dialogs import DialogForm, dialog
from shop.admin.html import badge, link, list_url, page_url
from shop.admin.secrets import secret_page
from shop.changes.kinds import kind_of, kinds, types
from shop.webhooks import services
from shop.webhooks.models import WebhookDelivery, WebhookEndpoint, all_of_kinds, permissions_for

LABELS: dict[str, str] = {
    WebhookDelivery.Status.HELD: "",
    WebhookDelivery.Status.PENDING: "info",
    WebhookDelivery.Status.SUCCEEDED: "success",
    WebhookDelivery.Status.FAILED: "danger",
}


def choices_for(editor: Any) -> list[tuple[str, str]]:
    """Return the types whose objects a member of staff may see, those of all of a kind first."""
    every = [(name, f"{name} (all)") for name, kind in all_of_kinds().items() if _may_see(editor, kind)]
    return [*every, *((name, name) for name in types() if _may_see(editor, kind_of(name).name))]


def _may_see(editor: Any, kind: str) -> bool:
    return bool(editor.has_perm(kinds()[kind].permission))


class EndpointForm(forms.ModelForm):
    types = forms.MultipleChoiceField(
        label="Events",
        widget=UnfoldAdminSelect2MultipleWidget,
        help_text="The endpoint receives the objects in full, so only those that you may see can be chosen.",
    )

    class Meta:
        model = WebhookEndpoint
        fields = ("url", "description", "types", "enabled")

    editor: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(field := self.fields.get("types"), forms.MultipleChoiceField):
            choices = choices_for(self.editor)
            known = {name for name, _ in choices}
            # Of another release, or chosen by someone who may see more.
            others = [name for name in self.instance.types or () if name not in known]
            field.choices = [*choices, *((name, name) for name in others)]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        receives = {*cleaned.get("types", ()), *(self.instance.types or ())}
        critical = {"url", "types", "enabled"} & set(self.changed_data)
        if critical and not all(map(self.editor.has_perm, permissions_for(receives))):
            self.add_error(None, "This endpoint receives objects that you may not see.")
        return cleaned


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(PlainDeleteConfirmationMixin, TransactionalModelAdmin):
    form = EndpointForm
    list_display = ("shown_url", "state", "shown_types", "disabled_at")
    is_small = True
    ordering = ("-pk",)
    fields = ("url", "description", "types", "enabled")
    readonly_fields = ("state", "disabled_reason", "disabled_at", "created_at", "log")
    actions_detail = ("send_test", "rotate_secret")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        about = (("state", "created_at"), ("disabled_at", "disabled_reason"), "log")
        return (*self.fields, *about) if obj else self.fields

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.editor = request.user
        return form

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {}

    def action_blocker(self, button: str, endpoint: WebhookEndpoint) -> str:
        return "This endpoint is disabled." if button == "send_test" and not endpoint.enabled else ""

    @display(description="Endpoint", header=True)
    def shown_url(self, endpoint: WebhookEndpoint) -> list[str]:
        return [endpoint.url, endpoint.description]

    @display(description="State")
    def state(self, endpoint: WebhookEndpoint) -> str:
        if not endpoint.enabled:
            return badge("Disabled", "danger" if endpoint.disabled_reason else "")
        return badge("Failing", "warning") if endpoint.failures else badge("Enabled", "success")

    @display(description="Events")
    def shown_types(self, endpoint: WebhookEndpoint) -> str:
        shown = ", ".join(endpoint.types[:5])
        return f"{shown} and {len(endpoint.types) - 5} more" if len(endpoint.types) > 5 else shown

    @display(description="Deliveries")
    def log(self, endpoint: WebhookEndpoint) -> str:
        return link(list_url("shop.webhookdelivery", endpoint=str(endpoint.pk)), "Show the log")

    def write(self, request: HttpRequest, obj: WebhookEndpoint, form: Any, change: bool) -> None:
        if change:
            services.change_endpoint(endpoint=obj, fields={name: form.cleaned_data[name] for name in form.changed_data})
            return
        made, secret = services.create_endpoint(**form.cleaned_data)
        # The form's object, which the page of the response is about.
        vars(obj).update(vars(made), secret=secret)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]
        """The service has logged it."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:  # type: ignore[override]
        """The service has logged it."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:  # type: ignore[override]
        """The service logs it."""

    def delete_model(self, request: HttpRequest, obj: WebhookEndpoint) -> None:
        services.delete_endpoint(endpoint=obj)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        return self._show_secret(request, obj, obj.secret)

    def _show_secret(self, request: HttpRequest, endpoint: WebhookEndpoint, secret: str) -> HttpResponse:
        return secret_page(
            request,
            self.admin_site,
            title="Webhook secret",
            heading=f"The secret of {endpoint.url}",
            secret=secret,
            hint="The endpoint verifies with it that a message comes from this shop.",
            page=self.change_url(endpoint.pk),
        )

    @dialog(
        button="Send a test",
        icon="send",
        permissions=["change"],
        url_path="test",
        title="Send a test to this endpoint?",
        text="It has the type webhook.test. The log shows within seconds how it went.",
    )
    def send_test(self, request: HttpRequest, form: DialogForm, endpoint: WebhookEndpoint) -> str:
        services.send_test(endpoint=endpoint)
        return "The test is being sent. The log shows how it went."

    def has_rotate_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        endpoint = self.find(request, object_id)
        needed = permissions_for(endpoint.types) if endpoint else set()
        return self.has_change_permission(request) and all(map(request.user.has_perm, needed))

    @dialog(
        button="Replace the secret",
        icon="key",
        permissions=["rotate"],
        url_path="rotate-secret",
        title="Replace the secret of this endpoint?",
        text="The new one is shown once. For 24 hours messages are signed with the former one, too.",
        submit="Replace",
    )
    def rotate_secret(self, request: HttpRequest, form: DialogForm, endpoint: WebhookEndpoint) -> HttpResponse:
        secret = services.rotate_secret(endpoint=endpoint)
        response = self._show_secret(request, endpoint, secret)
        # The page replaces that of the dialog.
        response.headers["HX-Retarget"], response.headers["HX-Reswap"] = "body", "innerHTML"
        return response


class EndpointFilter(admin.SimpleListFilter):
    """Set by the link on an endpoint's page."""

    title = "endpoint"
    parameter_name = "endpoint"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [(str(row.pk), row.url) for row in WebhookEndpoint.objects.order_by("slot")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        known = {key for key, _ in self.lookup_choices}
        return queryset.filter(endpoint=self.value()) if self.value() in known else queryset


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyModelAdmin):
    list_display = ("event", "status_label", "answer", "tries", "created_at")
    list_filter = (EndpointFilter, ("status", ChoicesDropdownFilter))
    ordering = ("-pk",)
    sortable_by = ()
    fields = (("type", "object_id", "sequence"), ("status_label", "tries", "run_at"), "to", "shown_attempts")
    readonly_fields = ("status_label", "to", "shown_attempts")
    actions = ("replay_selected",)
    most_changed = {"replay_selected": 100}
    actions_detail = ("replay",)

    @display(description="Delivery", header=True)
    def event(self, row: WebhookDelivery) -> list[str]:
        return [row.type, row.object_id]

    @display(description="Status")
    def status_label(self, row: WebhookDelivery) -> str:
        return badge(row.get_status_display(), LABELS[row.status])

    @display(description="Last answer", empty_value="–")
    def answer(self, row: WebhookDelivery) -> str | None:
        last = row.last_attempt
        return None if last is None else last.error or f"{last.status_code} in {last.milliseconds} ms"

    @display(description="Endpoint")
    def to(self, row: WebhookDelivery) -> str:
        endpoint = WebhookEndpoint.objects.filter(pk=row.endpoint).first()
        return link(page_url("shop.webhookendpoint", row.endpoint), endpoint.url) if endpoint else "deleted"

    @display(description="Attempts", empty_value="–")
    def shown_attempts(self, row: WebhookDelivery) -> str | None:
        lines = [
            f"{each.at:%Y-%m-%d %H:%M:%S}: {each.error or each.status_code} ({each.milliseconds} ms)"
            for each in row.attempts
        ]
        return "\n".join(lines) or None

    def has_replay_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("shop.change_webhookdelivery")

    @admin.action(description="Replay", permissions=["replay"])
    def replay_selected(self, request: HttpRequest, queryset: QuerySet) -> None:
        replayed = 0
        for row in queryset.exclude(status=WebhookDelivery.Status.HELD).order_by("sequence"):
            services.replay(delivery=row)
            replayed += 1
        self.message_user(request, f"{replayed} are being sent again.", messages.SUCCESS)

    @dialog(
        button="Replay",
        icon="replay",
        permissions=["replay"],
        title="Send this again?",
        text="It is sent with the same id, and with the object as it is now.",
    )
    def replay(self, request: HttpRequest, form: DialogForm, row: WebhookDelivery) -> str:
        services.replay(delivery=row)
        return "It is being sent again."
