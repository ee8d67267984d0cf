from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from accounts import customer_notes
from accounts.models import User
from shop.admin.dialogs import dialog
from shop.admin.forms_in_pages import FormsInPagesMixin
from shop.admin.notes import NoteForm, NoteKeyForm

NOTE_FORMS = ("add_note", "delete_note")


class CustomerNotesMixin(FormsInPagesMixin, admin.ModelAdmin):
    """Internal notes below a customer's form."""

    forms_in_page: tuple[str, ...] = NOTE_FORMS
    change_form_outer_after_template = "admin/accounts/notes.html"

    def has_notes_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("accounts.add_customernote")

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        user = context.get("original")
        if isinstance(user, User) and request.user.has_perm("accounts.view_customernote"):
            notes = customer_notes.notes_about(user)
            authors = customer_notes.authors_of(notes)
            context["customer_notes"] = [
                {
                    "note": note,
                    "author": authors.get(note.staff, "Deleted account") if note.staff else "System",
                    "is_own": note.staff == request.user.pk,
                }
                for note in notes
            ]
            context["may_write_notes"] = self.has_notes_permission(request) and user.closed_at is None
        return super().render_change_form(request, context, *args, **kwargs)

    @dialog(
        button="Add note", icon="note_add", permissions=["notes"], title="Add an internal note", form_class=NoteForm
    )
    def add_note(self, request: HttpRequest, form: NoteForm, user: User) -> str:
        customer_notes.add_note(user=user, **form.cleaned_data)
        return "The note was added."

    @dialog(
        button="Delete note", icon="delete", permissions=["notes"], title="Delete this note?", form_class=NoteKeyForm
    )
    def delete_note(self, request: HttpRequest, form: NoteKeyForm, user: User) -> str:
        customer_notes.delete_note(user=user, key=form.cleaned_data["note"])
        return "The note was deleted."
