import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl

from django.contrib.admin.utils import quote
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.forms import BoundField, Form
from django.http import HttpResponse
from django.template.response import SimpleTemplateResponse
from django.test import Client
from django.urls import reverse
from PIL import Image
from unfold.sites import UnfoldAdminSite

from accounts.models import User
from cart import services as carts
from cart.owners import CartOwner
from catalog.models import Product, Variant
from orders import placing
from orders.models import Order, PostalAddress

ADDRESS = {
    "name": "Ada Lovelace",
    "line1": "12 St James's Square",
    "city": "London",
    "postal_code": "SW1Y 4JH",
    "country": "GB",
}


def browser_of(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


def allow(user: User, *permissions: str) -> User:
    """Make a user staff with only these permissions (``orders.view_order``)."""
    User.objects.filter(pk=user.pk).update(is_staff=True)
    for permission in permissions:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return User.objects.get(pk=user.pk)


@contextmanager
def without_rendering() -> Iterator[None]:
    """Answer with empty pages without a sidebar, in a tenth of the time; views, queries and the rest are real."""
    with (
        mock.patch.object(SimpleTemplateResponse, "rendered_content", ""),
        mock.patch.object(UnfoldAdminSite, "get_sidebar_list", return_value=[]),
    ):
        yield


def in_dialog(browser: Client, url: str, fields: dict[str, Any] | None = None) -> HttpResponse:
    headers = {"HX-Request": "true"}
    return browser.get(url, headers=headers) if fields is None else browser.post(url, fields, headers=headers)


def url_of(model: str, page: str = "changelist", pk: Any = None) -> str:
    """Return an admin URL, as in ``url_of("orders.order", "change", order.pk)``."""
    return reverse(f"admin:{model.replace('.', '_')}_{page}", args=[] if pk is None else [quote(str(pk))])


def filter_queries(spec: Any, changelist: Any) -> Iterator[dict[str, Any]]:
    """Yield the query of each choice that a filter offers, as a link or in a form."""
    for choice in spec.choices(changelist):
        if "query_string" in choice:
            yield dict(parse_qsl(choice["query_string"].lstrip("?")))
        for name, field in getattr(choice.get("form"), "fields", {}).items():
            # The page does not send the empty choice, which means all.
            yield from ({name: value} for value, _ in getattr(field, "choices", ()) if value != "")


def filled_in(page: HttpResponse) -> dict[str, Any]:
    """Return the data that a browser would submit unedited."""
    data: dict[str, Any] = {}
    forms: list[Form] = [page.context["adminform"].form]
    for inline in page.context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.forms]
    for form in forms:
        for field in form:
            data |= _value(field)
            if field.field.show_hidden_initial:
                data[field.html_initial_name] = "" if field.value() is None else field.value()
    return data


def _value(field: BoundField) -> dict[str, Any]:
    if field.field.disabled or getattr(field.field.widget, "input_type", "") == "file":
        return {}
    widget = field.field.widget
    value = field.value()
    if hasattr(widget, "widgets"):
        parts = value if isinstance(value, list | tuple) else widget.decompress(value)
        return {f"{field.html_name}_{i}": part for i, part in enumerate(parts) if part is not None}
    if getattr(widget, "input_type", "") == "checkbox":
        return {field.html_name: "on"} if value else {}
    return {} if value is None else {field.html_name: value}


def errors_of(page: HttpResponse) -> dict[str, Any]:
    """Return errors by input name; "" is the whole form."""
    found: dict[str, Any] = {}
    forms = [page.context["adminform"].form]
    for inline in page.context["inline_admin_formsets"]:
        forms += inline.formset.forms
        if inline.formset.non_form_errors():
            found[""] = list(inline.formset.non_form_errors())
    for form in forms:
        for name, errors in form.errors.items():
            found["" if name == "__all__" else form.add_prefix(name)] = list(errors)
    return found


def messages_of(page: HttpResponse) -> list[str]:
    return [str(message) for message in page.context["messages"]]


def picture(name: str = "picture.png", *, colour: str = "teal", side: int = 40) -> SimpleUploadedFile:
    data = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(data, "PNG")
    return SimpleUploadedFile(name, data.getvalue(), content_type="image/png")


def ordered(customer: User, *products: Product, quantity: int = 1) -> Order:
    owner = CartOwner(user=customer)
    for product in products:
        variant = Variant.objects.filter(product=product).first()
        carts.add_item(owner=owner, variant=variant.pk, quantity=quantity)
    return placing.place_order(owner=owner, email=customer.email, address=PostalAddress(**ADDRESS))


def change_user(browser: Client, user: User, **changes: Any) -> Any:
    """Save the user's page with these changes; None removes a value."""
    url = url_of("accounts.user", "change", user.pk)
    data = filled_in(browser.get(url)) | changes
    return browser.post(url, {name: value for name, value in data.items() if value is not None}, follow=True)
