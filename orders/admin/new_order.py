from typing import Any

from bson import ObjectId
from django import forms
from django.contrib import admin, messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from catalog.offers import Offer, offers_of
from orders import pricing, staff_orders
from orders.admin.address_forms import AddressForm
from orders.pricing import Quote
from orders.product_search import find_variants
from shop import money
from shop.admin.html import page_context, page_url, price
from shop.admin.refusals import add_refusal
from shop.api.errors import ShopError
from shop.api.object_ids import parse_object_id
from shop.db import identifiers
from shop.jobs.email_addresses import check_email, normalize_email

_SALT = "orders.new_order"
MAX_ITEMS = 100


class CustomerForm(forms.Form):
    email = forms.EmailField(
        label="E-mail address",
        widget=UnfoldAdminTextInputWidget(attrs={"type": "email", "autocomplete": "off"}),
        help_text="The account with this address gets the order. Without one, it is a guest's.",
    )
    coupon = forms.CharField(required=False, max_length=40, widget=UnfoldAdminTextInputWidget)
    note = forms.CharField(required=False, max_length=500, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}))

    def clean_coupon(self) -> str:
        return identifiers.upper_code(self.cleaned_data["coupon"])

    def clean_email(self) -> str:
        email = normalize_email(self.cleaned_data["email"])
        check_email(email)
        return email


class MethodForm(forms.Form):
    shipping_method = forms.CharField(required=False, max_length=40, widget=UnfoldAdminSelectWidget)

    def offer(self, quote: Quote) -> None:
        choices = [
            (each.method.code, f"{each.method.name}, {price(each.price)}") for each in quote.shipping_methods
        ] or [("", "None")]
        self.fields["shipping_method"].widget = UnfoldAdminSelectWidget(choices=choices)


class NewOrderMixin(admin.ModelAdmin):
    def get_urls(self) -> list[URLPattern]:
        view, products = map(self.admin_site.admin_view, (self.new_order_view, self.products_view))
        return [
            path("new/", view, name="orders_order_new"),
            path("new/products/", products, name="orders_order_products"),
            *super().get_urls(),
        ]

    @action(
        description="New order",
        icon="add_shopping_cart",
        url_path="new-order",
        permissions=["manage"],
        variant=ActionVariant.PRIMARY,
    )
    def new_order(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:orders_order_new"))

    def products_view(self, request: HttpRequest) -> HttpResponse:
        """Suggest variants for a SKU's beginning or a name."""
        if not request.user.has_perm("orders.change_order"):
            raise PermissionDenied
        found = find_variants(request.GET.get("q", "")[:200])
        return JsonResponse({"variants": [_shown(offer) for offer in found]})

    def new_order_view(self, request: HttpRequest) -> HttpResponse:
        """Show the form; a POST adds totals and shipping methods, or with ``place`` places the order."""
        if not request.user.has_perm("orders.change_order"):
            raise PermissionDenied
        data = request.POST if request.method == "POST" else None
        customer, method = CustomerForm(data), MethodForm(data)
        address, billing = AddressForm(data, prefix="shipping"), AddressForm(data, prefix="billing")
        separate = data is not None and "separate" in data
        token, quote = _token_in(data), None
        quantities = _quantities_in(data)
        forms_ = [customer, address, method, *([billing] if separate else [])]
        # All of them, to show all errors.
        are_valid = [form.is_valid() for form in forms_]
        if data is not None and all(are_valid):
            owner = staff_orders.owner_of(email=customer.cleaned_data["email"], token=token)
            try:
                if "place" in request.POST:
                    order = staff_orders.place_draft(
                        owner=owner,
                        email=customer.cleaned_data["email"],
                        address=address.address,
                        billing_address=billing.address if separate else address.address,
                        shipping_method=method.cleaned_data["shipping_method"] or None,
                        note=customer.cleaned_data["note"],
                        expected_total=_total_in(request),
                    )
                    self.message_user(
                        request, f"Order {order.number} was placed. The customer gets a link to pay.", messages.SUCCESS
                    )
                    return HttpResponseRedirect(page_url("orders.order", order.pk))
                staff_orders.fill_draft(owner=owner, quantities=quantities, coupon=customer.cleaned_data["coupon"])
                token = owner.token
                quote = pricing.quote(
                    owner=owner,
                    address=address.address,
                    shipping_method=method.cleaned_data["shipping_method"] or None,
                )
                quote.require_chargeable()
                method.offer(quote)
            except ShopError as error:
                add_refusal(customer, error)
        offered = offers_of(quantities)
        context = {
            **page_context(self, request, "New order"),
            "customer": customer,
            "address": address,
            "billing": billing,
            "separate": separate,
            "method": method,
            "items": [
                {**_shown(offered[variant]), "quantity": quantity}
                for variant, quantity in quantities.items()
                if variant in offered
            ],
            "draft": signing.dumps(token, salt=_SALT) if token else "",
            "quote": _totals(quote) if quote else None,
            "products_url": reverse("admin:orders_order_products"),
            "back": reverse("admin:orders_order_changelist"),
        }
        return TemplateResponse(request, "admin/orders/new.html", context)


def _token_in(data: Any) -> str | None:
    try:
        return str(signing.loads(data["draft"], salt=_SALT)) if data and data.get("draft") else None
    except signing.BadSignature:
        return None


def _quantities_in(data: Any) -> dict[ObjectId, int]:
    """Return the quantities of the rows, without rows that are incomplete."""
    found: dict[ObjectId, int] = {}
    if data is None:
        return found
    for variant, text in list(zip(data.getlist("variant"), data.getlist("quantity"), strict=False))[:MAX_ITEMS]:
        pk = parse_object_id(variant)
        quantity = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0
        if pk and quantity:
            found[pk] = found.get(pk, 0) + quantity
    return found


def _total_in(request: HttpRequest) -> Any:
    shown = forms.DecimalField(required=False).clean(request.POST.get("total", ""))
    return money.quantize(shown if shown is not None else money.ZERO)


def _shown(offer: Offer) -> dict[str, Any]:
    options = ", ".join(offer.options.values())
    available = offer.available
    return {
        "id": str(offer.variant),
        "name": f"{offer.name} ({options})" if options else offer.name,
        "sku": offer.sku,
        "price": price(offer.price),
        "available": "" if available is None else f"{available} available",
    }


def _totals(quote: Quote) -> dict[str, Any]:
    rows = [("Subtotal", quote.subtotal)]
    rows += [(f"Discount, {each.label}", -each.amount) for each in quote.discounts if each.amount]
    rows += [("Shipping", quote.shipping), ("Tax (included)" if quote.prices_include_tax else "Tax", quote.tax)]
    return {"rows": [(name, price(amount)) for name, amount in rows], "total": quote.total, "shown": price(quote.total)}
