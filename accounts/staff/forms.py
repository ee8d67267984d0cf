from django import forms
from django.contrib.auth.models import Group
from unfold.forms import AdminPasswordChangeForm
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminEmailInputWidget,
    UnfoldAdminTextInputWidget,
)

from shop.jobs.email_addresses import check_email, normalize_email


class CodeForm(forms.Form):
    code = forms.CharField(
        max_length=20,
        label="Authentication code",
        widget=UnfoldAdminTextInputWidget(
            attrs={"autocomplete": "one-time-code", "inputmode": "text", "autofocus": True, "autocapitalize": "none"}
        ),
    )


class EmailForm(forms.Form):
    email = forms.CharField(
        max_length=254,
        label="E-mail address",
        widget=UnfoldAdminEmailInputWidget(attrs={"autocomplete": "username", "autofocus": True}),
    )

    def clean_email(self) -> str:
        return normalize_email(self.cleaned_data["email"])


class ChoosePasswordForm(AdminPasswordChangeForm):
    """Validate a new password; the view writes it."""

    usable_password = None


class InvitationForm(forms.Form):
    email = forms.CharField(max_length=254, label="E-mail address", widget=UnfoldAdminEmailInputWidget)
    name = forms.CharField(max_length=120, widget=UnfoldAdminTextInputWidget)
    groups = forms.ModelMultipleChoiceField(
        Group.objects.order_by("name"),
        label="Roles",
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="What this person may see and change.",
    )

    def clean_email(self) -> str:
        return check_email(self.cleaned_data["email"])
