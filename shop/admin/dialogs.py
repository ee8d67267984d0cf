from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from unfold.decorators import action
from unfold.enums import ActionVariant

from shop.admin.refusals import add_refusal
from shop.api.errors import ShopError


class DialogForm(forms.Form):
    """Without fields, it only asks for confirmation."""

    def __init__(self, *args: Any, obj: Any, **kwargs: Any) -> None:
        self.obj = obj
        super().__init__(*args, **kwargs)


def dialog(
    *,
    button: str,
    icon: str,
    permissions: Iterable[str],
    title: str,
    url_path: str = "",
    submit: str = "",
    text: str = "",
    dismiss: str = "Cancel",
    form_class: type[DialogForm] = DialogForm,
    variant: ActionVariant = ActionVariant.DEFAULT,
) -> Callable[[Callable[..., HttpResponse | str]], Callable[..., HttpResponse]]:
    """Turn a method ``(request, form, obj)`` into a button with a dialog, which shows any ``ShopError``.

    The method returns a message of success, or a response. The URL defaults to its name, ``submit`` to ``button``. A
    ``key`` in the URL's query is the initial value of the form's field.
    """

    def decorate(method: Callable[..., HttpResponse | str]) -> Callable[..., HttpResponse]:
        @wraps(method)
        def view(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
            obj = model_admin.find(request, object_id)
            if obj is None:
                raise Http404
            page = model_admin.change_url(obj.pk)
            if reason := model_admin.action_blocker(method.__name__, obj):
                model_admin.message_user(request, reason, messages.WARNING)
                return leave_dialog(request, page)
            # Of a row in the object.
            key = request.GET.get("key", "")
            chosen = {"initial": {"key": key}} if key else {}
            form = form_class(request.POST if request.method == "POST" else None, obj=obj, **chosen)
            if form.is_valid():
                try:
                    answer = method(model_admin, request, form, obj)
                except ShopError as error:
                    add_refusal(form, error)
                else:
                    if isinstance(answer, HttpResponse):
                        return answer
                    model_admin.message_user(request, answer, messages.SUCCESS)
                    return leave_dialog(request, page)
            if not request.headers.get("HX-Request"):
                # The dialog's template is not a page.
                for line in (str(each) for errors in form.errors.values() for each in errors):
                    model_admin.message_user(request, line, messages.ERROR)
                return HttpResponseRedirect(page)
            return render(request, "admin/dialog.html", {"dialog": shown, "form": form})

        shown = {
            "title": title,
            "text": text,
            "submit": submit or button,
            "dismiss": dismiss,
            "variant": "danger" if variant == ActionVariant.DANGER else "primary",
        }
        path = url_path or method.__name__
        pressed = action(description=button, icon=icon, permissions=permissions, url_path=path, variant=variant)(view)
        # Read by templates. unfold's decorator would render its dialog.
        pressed.dialog = shown
        return pressed

    return decorate


def leave_dialog(request: HttpRequest, url: str, *, stay: bool = True) -> HttpResponse:
    """Load the page that opened the dialog, or ``url``."""
    # With a fragment, such as that of the menu on a phone, the browser would not load the page.
    opened_on = request.headers.get("HX-Current-URL", "").partition("#")[0]
    if stay and url_has_allowed_host_and_scheme(opened_on, {request.get_host()}, require_https=request.is_secure()):
        url = opened_on
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)
