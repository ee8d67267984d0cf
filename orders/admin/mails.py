from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path

from orders import mails
from orders.mail_log import MailStatus
from orders.models import Order
from shop.admin.dialogs import DialogForm, dialog
from shop.admin.forms_in_pages import FormsInPagesMixin, KeyField
from shop.admin.html import badge
from shop.api.object_ids import parse_object_id
from shop.jobs.mail_previews import SANDBOX

_BADGES = {
    MailStatus.QUEUED: "info",
    MailStatus.SENT: "success",
    MailStatus.FAILED: "danger",
    MailStatus.SUPPRESSED: "warning",
    MailStatus.OUTDATED: "",
}


def mail_rows(order: Order) -> list[dict[str, Any]]:
    """Return the latest first."""
    return [
        {
            "mail": mail,
            "subject": mails.CUSTOMER_MAILS[mail.event].subject.format(order.number),
            "label": badge(mail.get_status_display(), _BADGES[MailStatus(mail.status)]),
        }
        for mail in reversed(order.mails)
        if mail.event in mails.CUSTOMER_MAILS
    ]


class MailKeyForm(DialogForm):
    mail = KeyField()


MAIL_FORMS = ("resend_mail",)


class OrderMailsMixin(FormsInPagesMixin, admin.ModelAdmin):
    forms_in_page: tuple[str, ...] = MAIL_FORMS

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.mail_preview_view)
        return [
            path("<path:object_id>/mail-preview/", view, name="orders_order_mail_preview"),
            *super().get_urls(),
        ]

    def mail_preview_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the mail as it would be sent now, without the link's token."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        order = self.get_object(request, object_id)
        if order is None:
            raise Http404
        written = mails.preview(order=order, key=parse_object_id(request.GET.get("mail", "")))
        if written is None:
            return HttpResponse("This e-mail no longer applies to the order.", content_type="text/plain")
        return HttpResponse(written, headers={"Content-Security-Policy": SANDBOX})

    @dialog(
        button="Resend",
        icon="forward_to_inbox",
        permissions=["manage"],
        title="Send this e-mail again?",
        form_class=MailKeyForm,
    )
    def resend_mail(self, request: HttpRequest, form: MailKeyForm, order: Order) -> str:
        mails.resend(order=order, key=form.cleaned_data["mail"])
        return "The e-mail is queued."
