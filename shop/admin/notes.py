"""Forms of internal notes."""

from django import forms

from shop.admin.dialogs import DialogForm
from shop.admin.forms_in_pages import KeyField


class NoteForm(DialogForm):
    text = forms.CharField(max_length=2000, widget=forms.Textarea)


class NoteKeyForm(DialogForm):
    note = KeyField()
