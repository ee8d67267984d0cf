from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.html import format_html, format_html_join
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import BooleanRadioFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelect2MultipleWidget

from accounts import hooks, services
from accounts.admin_forms import NewUserForm, SetPasswordForm, UserForm
from accounts.admin_notes import NOTE_FORMS, CustomerNotesMixin
from accounts.api_keys.admin import ApiKeyAdmin  # noqa: F401 (registers it)
from accounts.customers import services as customers
from accounts.models import Address, User
from accounts.postal import postal_lines
from accounts.staff import invitations, second_factors
from accounts.staff.forms import InvitationForm
from accounts.staff.views import admin_address
from shop.admin.base import PlainDeleteConfirmationMixin, SingleDeleteMixin, TransactionalModelAdmin
from shop.admin.dialogs import DialogForm, dialog
from shop.admin.html import badge
from shop.admin.lists import MOST_FOUND, CreationDaysFilter, IndexedSearchMixin, ListIndex, by_id, first_found, in_order
from shop.admin.palette import in_palette
from shop.admin.refusals import add_refusal
from shop.api.errors import ShopError
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.changes import record
from shop.db.transactions import transactional
from shop.hooks import Hook
from shop.jobs.email_addresses import normalize_email
from shop.media.urls import image_url

# Only superusers may edit these.
PRIVILEGE_FIELDS = ("is_staff", "is_superuser", "groups", "user_permissions")


class MultiSelectMixin(ModelAdmin):
    filter_horizontal = ()

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        field: Any = super().formfield_for_manytomany(db_field, request, **kwargs)
        field.widget, field.help_text = UnfoldAdminSelect2MultipleWidget(), db_field.help_text.split(". Hold")[0]
        field.widget.choices = field.choices
        return field


class AddressInline(TabularInline):
    model = Address
    fields = readonly_fields = ("name", "postal", "phone", "is_default")
    hide_title = True
    extra = 0
    can_delete = False

    @display(description="Address")
    def postal(self, address: Address) -> str:
        return ", ".join(postal_lines(address)[1:])

    def has_add_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return request.user.has_perm("accounts.view_user") or request.user.has_perm("accounts.change_user")


@admin.register(User)
class UserAdmin(
    CustomerNotesMixin,
    MultiSelectMixin,
    SingleDeleteMixin,
    IndexedSearchMixin,
    TransactionalModelAdmin,
    DjangoUserAdmin,
):
    """Only superusers may edit staff, which prevents privilege escalation."""

    form = UserForm
    add_form = NewUserForm
    add_form_template = None
    change_password_form = SetPasswordForm
    list_display = ("person", "labels", "date_joined")
    list_filter = (
        ("is_staff", BooleanRadioFilter),
        ("is_active", BooleanRadioFilter),
        ("email_verified", BooleanRadioFilter),
        ("date_joined", CreationDaysFilter),
    )
    list_index = ListIndex(("is_staff", "is_active", "email_verified"))
    search_help_text = "Search e-mail address or name (both from the start)"
    search_fields = ("email",)
    ordering = ("-pk",)
    sortable_by = ("person", "date_joined")
    creation_field = "date_joined"
    inlines = (AddressInline,)
    actions_list = ("invite",)
    actions_detail = ("send_verification", "send_password_link", "invite_again", "reset_two_factor", *NOTE_FORMS)
    readonly_fields = ("date_joined", "last_admin_login", "orders", "open_cart")
    fieldsets = (
        (None, {"fields": (("email", "name"), ("phone", "email_verified"))}),
        (
            "Access",
            {
                "fields": ("is_active", "password", ("is_staff", "is_superuser"), "groups", "user_permissions"),
                "classes": ("collapse",),
            },
        ),
        ("Dates", {"fields": (("date_joined", "last_admin_login"),)}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "password1", "password2")}),)

    def search(self, request: HttpRequest, queryset: QuerySet, text: str) -> QuerySet:
        if (found := by_id(queryset, text)) is not None:
            return found
        by_email = in_order(queryset, "email", normalize_email(text))
        if by_email.exists():
            return by_email
        by_name = User.objects.keys_by_name(text, limit=MOST_FOUND + 1)
        return queryset.filter(pk__in=first_found(request, User, by_name))

    @display(description="Customer", header=True, ordering="email")
    def person(self, user: User) -> list[Any]:
        picture = {"path": image_url(user.avatar, size="thumbnail")} if user.avatar else None
        initials = "".join(part[0] for part in user.name.split()[:2]) or user.email[0]
        return [user.email, user.name, initials, *([picture] if picture else [])]

    @display(description="State")
    def labels(self, user: User) -> str:
        shown = (
            (user.closed_at is not None, "Being deleted", "danger"),
            (not user.is_active and user.closed_at is None, "Deactivated", "danger"),
            (user.is_superuser, "Superuser", "info"),
            (user.is_staff and not user.is_superuser, "Staff", "info"),
            (user.email_verified, "E-mail verified", "success"),
        )
        labels = [(badge(text, kind),) for holds, text, kind in shown if holds]
        return format_html('<span class="shop-labels">{}</span>', format_html_join("", "{}", labels))

    @display(description="Last login to the admin")
    def last_admin_login(self, user: User) -> Any:
        # Set by logins to the admin only.
        return user.last_login or "never"

    @display(description="Orders")
    def orders(self, user: User) -> str:
        return _shown_once(user, "orders", hooks.orders_of)

    @display(description="Open cart")
    def open_cart(self, user: User) -> str:
        return _shown_once(user, "cart", hooks.cart_of)

    def get_inlines(self, request: HttpRequest, obj: User | None) -> tuple:
        return self.inlines if obj and Address.objects.owned_by(obj).exists() else ()

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        # By name, because these apps are above this one.
        parts = (
            ("Orders", "orders", "orders.view_order", "orders.change_order"),
            ("Cart", "open_cart", "cart.view_cart"),
        )
        shown = [
            (title, {"fields": (field,)}) for title, field, *rights in parts if any(map(request.user.has_perm, rights))
        ]
        first, *others = fieldsets
        return (first, *shown, *others) if obj else fieldsets

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and self._may_edit(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        own = isinstance(obj, User) and obj.pk == request.user.pk
        return super().has_delete_permission(request, obj) and self._may_edit(request, obj) and not own

    @staticmethod
    def _may_edit(request: HttpRequest, obj: User | None) -> bool:
        if not isinstance(obj, User):
            return True
        return customers.may_edit(request.user, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        return self.readonly_fields if request.user.is_superuser else (*self.readonly_fields, *PRIVILEGE_FIELDS)

    def has_write_to_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return self.has_change_permission(request, self.find(request, object_id))

    def has_invite_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def action_blocker(self, button: str, user: User) -> str:
        if button == "reset_two_factor":
            return "" if second_factors.factor_of(user) else "This account has no two-factor login."
        if button == "invite_again" and not (user.is_staff and not user.has_usable_password()):
            return "This account has no open invitation."
        if not user.is_active:
            return "This account is inactive and receives no mail."
        return "This address is already verified." if button == "send_verification" and user.email_verified else ""

    @dialog(
        button="Send verification e-mail",
        icon="mark_email_unread",
        permissions=["write_to"],
        url_path="send-verification",
        title="Send a verification e-mail?",
        text="It contains a link that verifies the address.",
        submit="Send e-mail",
    )
    def send_verification(self, request: HttpRequest, form: DialogForm, user: User) -> str:
        return self._send(user, services.send_verification)

    @dialog(
        button="Send password reset e-mail",
        icon="lock_reset",
        permissions=["write_to"],
        url_path="send-password-link",
        title="Send a password reset e-mail?",
        text="The old password stays valid until the link is used.",
        submit="Send e-mail",
    )
    def send_password_link(self, request: HttpRequest, form: DialogForm, user: User) -> str:
        return self._send(user, services.send_password_reset)

    @action(description="Invite a member of staff", icon="person_add", permissions=["invite"], url_path="invite")
    def invite(self, request: HttpRequest) -> HttpResponse:
        form = InvitationForm(request.POST or None)
        if form.is_valid():
            try:
                user = invitations.invite(**form.cleaned_data, admin=admin_address(request))
            except ShopError as error:
                add_refusal(form, error)
            else:
                self.message_user(request, f"The invitation to {user.email} is being sent.", messages.SUCCESS)
                return HttpResponseRedirect(self.change_url(user.pk))
        context = {**self.admin_site.each_context(request), "title": "Invite a member of staff", "form": form}
        return TemplateResponse(request, "admin/staff/invite.html", context)

    @dialog(
        button="Send invitation again",
        icon="forward_to_inbox",
        permissions=["invite"],
        url_path="invite-again",
        title="Send the invitation again?",
        submit="Send invitation",
    )
    def invite_again(self, request: HttpRequest, form: DialogForm, user: User) -> str:
        invitations.invite_again(user=user, admin=admin_address(request))
        return f"The invitation to {user.email} is being sent."

    @dialog(
        button="Remove two-factor login",
        icon="phonelink_erase",
        permissions=["invite"],
        url_path="remove-two-factor",
        title="Remove the two-factor login of this account?",
        text="For a member of staff who lost their device and recovery codes. They can set it up again.",
        submit="Remove",
        variant=ActionVariant.DANGER,
    )
    def reset_two_factor(self, request: HttpRequest, form: DialogForm, user: User) -> str:
        second_factors.remove(user=user)
        return f"{user.email} logs in with the password only, until two-factor login is set up again."

    @staticmethod
    @transactional("admin.send_mail")
    def _send(user: User, send: Callable[..., None]) -> str:
        send(user=user)
        staff_log.record(Action.MAIL, user)
        return f"The e-mail to {user.email} is being sent."

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.editor = request.user
        return form

    def write(self, request: HttpRequest, obj: User, form: forms.ModelForm, change: bool) -> None:
        super().write(request, obj, form, change)
        if form.changed_data or not change:
            verified = "email_verified" in form.changed_data and obj.email_verified
            record(
                "customer.created" if not change else "customer.verified" if verified else "customer.updated", obj.pk
            )
        # Unless the same edit verifies the new address.
        if (
            change
            and "email" in form.changed_data
            and not (obj.email_verified and "email_verified" in form.changed_data)
        ):
            services.mark_email_unverified(user=obj)
        if change:
            customers.apply_changes(user=obj, changed=form.changed_data)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        user = self.find(request, object_id) if request.method == "POST" else None
        if user is not None and self.has_delete_permission(request, user):
            try:
                # Not in a transaction, because the hooks may call other services.
                hooks.before_deletion(user=user)
            except ShopError as error:
                self.message_user(request, str(error), messages.ERROR)
                return HttpResponseRedirect(self.change_url(unquote(object_id)))
        return super().delete_view(request, object_id, extra_context)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        services.delete_account_and_data(user=obj)


def _shown_once(user: User, name: str, hook: Hook) -> str:
    """Return the hook's HTML, for which the page asks several times."""
    known = vars(user).setdefault("shown_parts", {})
    if name not in known:
        known[name] = format_html_join("", "{}", ((shown,) for shown in hook(user=user)))
    return known[name]


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(MultiSelectMixin, PlainDeleteConfirmationMixin, TransactionalModelAdmin, DjangoGroupAdmin):
    """Only superusers may edit groups, which grant permissions."""

    def _is_superuser(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return request.user.is_superuser

    has_add_permission = has_change_permission = has_delete_permission = _is_superuser


@in_palette(3, "accounts.user", icon="person")
def _in_palette(user: User) -> tuple[str, str]:
    return user.email, user.name
