from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from orders import notes
from orders.models import Order
from orders.tags import validate_tags
from shop.admin.dialogs import DialogForm, dialog
from shop.admin.fields import TagsField
from shop.admin.forms_in_pages import FormsInPagesMixin
from shop.admin.notes import NoteForm, NoteKeyForm


class TagsForm(DialogForm):
    tags = TagsField(required=False, validators=[validate_tags], help_text="Separated by commas.")

    def __init__(self, *args: Any, obj: Order, **kwargs: Any) -> None:
        super().__init__(*args, obj=obj, **{"initial": {"tags": obj.tags}, **kwargs})


NOTE_FORMS = ("add_note", "delete_note", "edit_tags")


class OrderNotesMixin(FormsInPagesMixin, admin.ModelAdmin):
    forms_in_page: tuple[str, ...] = NOTE_FORMS

    @dialog(
        button="Add note", icon="note_add", permissions=["manage"], title="Add an internal note", form_class=NoteForm
    )
    def add_note(self, request: HttpRequest, form: NoteForm, order: Order) -> str:
        notes.add_note(order=order, **form.cleaned_data)
        return "The note was added."

    @dialog(
        button="Delete note", icon="delete", permissions=["manage"], title="Delete this note?", form_class=NoteKeyForm
    )
    def delete_note(self, request: HttpRequest, form: NoteKeyForm, order: Order) -> str:
        notes.delete_note(order=order, key=form.cleaned_data["note"])
        return "The note was deleted."

    @dialog(button="Edit tags", icon="sell", permissions=["manage"], title="Edit tags", form_class=TagsForm)
    def edit_tags(self, request: HttpRequest, form: TagsForm, order: Order) -> str:
        notes.set_tags(order=order, **form.cleaned_data)
        return "The tags were saved."
