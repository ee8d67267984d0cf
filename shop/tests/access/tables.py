"""Who may do what. The tests in this folder compare the tables with the URL configuration and with the responses.

Users: ``nobody`` has no token, ``guest`` those of a cart and of an own order; ``owner`` is the customer to whom the
requested order, payment, address and cart belong, ``other`` another customer; ``editor``, ``desk`` and ``reader`` are
staff in the groups "Catalogue editors", "Order desk" and "Read-only"; ``boss`` is a superuser; ``key`` is an API key
with all permissions, ``bare`` one without any. ``yes`` means that the request is permitted; its body may be refused.
"""

from typing import NamedTuple

# Without an account.
GUESTS = ("nobody", "guest")
PEOPLE = ("nobody", "guest", "owner", "other", "editor", "desk", "reader", "boss", "key", "bare")


class Row(NamedTuple):
    method: str
    route: str
    # By user.
    cells: dict[str, str]


def _rows(table: str) -> list[Row]:
    lines = [line.split() for line in table.splitlines() if line.strip()]
    people = tuple(lines.pop(0))
    assert people == PEOPLE
    return [Row(method, route, dict(zip(people, cells, strict=True))) for method, route, *cells in lines]


# A method without a row is 405.
API = _rows("""
                                                    nobody guest owner other  editor desk  reader boss   key   bare
    POST    auth/register/                            yes   yes   yes   yes    yes   yes   yes    yes    yes   yes
    POST    auth/login/                               yes   yes   yes   yes    yes   yes   yes    yes    yes   yes
    POST    auth/refresh/                             yes   yes   yes   yes    yes   yes   yes    yes    yes   yes
    POST    auth/logout/                              yes   yes   yes   yes    yes   yes   yes    yes    yes   yes
    POST    auth/logout-all/                          401   401   yes   yes    yes   yes   yes    yes    403   403
    POST    auth/password/change/                     401   401   yes   yes    yes   yes   yes    yes    403   403
    POST    auth/password/reset/                      yes   yes   yes   yes    yes   yes   yes    yes    yes   yes
    POST    auth/password/reset/confirm/              yes   yes   yes   yes    yes   yes   yes    yes    yes   yes
    POST    auth/email/verify/                        401   401   yes   yes    yes   yes   yes    yes    403   403
    POST    auth/email/verify/confirm/                yes   yes   yes   yes    yes   yes   yes    yes    yes   yes
    POST    auth/email/change/                        401   401   yes   yes    yes   yes   yes    yes    403   403
    POST    auth/email/change/confirm/                yes   yes   yes   yes    yes   yes   yes    yes    yes   yes

    GET     users/me/                                 401   401   yes   yes    yes   yes   yes    yes    403   403
    PATCH   users/me/                                 401   401   yes   yes    yes   yes   yes    yes    403   403
    DELETE  users/me/                                 401   401   yes   yes    yes   yes   yes    yes    403   403
    GET     users/me/export/                          401   401   yes   yes    yes   yes   yes    yes    403   403
    PUT     users/me/avatar/                          401   401   yes   yes    yes   yes   yes    yes    403   403
    DELETE  users/me/avatar/                          401   401   yes   yes    yes   yes   yes    yes    403   403
    GET     users/me/addresses/                       401   401   yes   yes    yes   yes   yes    yes    403   403
    POST    users/me/addresses/                       401   401   yes   yes    yes   yes   yes    yes    403   403
    GET     users/me/addresses/{address}/             401   401   yes   404    404   404   404    404    403   403
    PUT     users/me/addresses/{address}/             401   401   yes   404    404   404   404    404    403   403
    PATCH   users/me/addresses/{address}/             401   401   yes   404    404   404   404    404    403   403
    DELETE  users/me/addresses/{address}/             401   401   yes   404    404   404   404    404    403   403

    GET     categories/                               yes   yes   yes   yes    yes   yes   yes    yes    yes   yes
    GET     categories/{category}/                    yes   yes   yes   yes    yes   yes   yes    yes    yes   yes
    GET     collections/                              yes   yes   yes   yes    yes   yes   yes    yes    yes   yes
    GET     collections/{collection}/                 yes   yes   yes   yes    yes   yes   yes    yes    yes   yes
    POST    categories/                               401   401   403   403    yes    403   403    yes   yes   403
    PUT     categories/{category}/                    401   401   403   403    yes    403   403    yes   yes   403
    PATCH   categories/{category}/                    401   401   403   403    yes    403   403    yes   yes   403
    DELETE  categories/{category}/                    401   401   403   403    yes    403   403    yes   yes   403
    POST    collections/                              401   401   403   403    yes    403   403    yes   yes   403
    PUT     collections/{collection}/                 401   401   403   403    yes    403   403    yes   yes   403
    PATCH   collections/{collection}/                 401   401   403   403    yes    403   403    yes   yes   403
    DELETE  collections/{collection}/                 401   401   403   403    yes    403   403    yes   yes   403
    PUT     collections/{collection}/image/           401   401   403   403    yes    403   403    yes   yes   403
    DELETE  collections/{collection}/image/           401   401   403   403    yes    403   403    yes   yes   403
    GET     collections/{collection}/products/        401   401   403   403    yes    403   yes    yes   yes   403
    PATCH   collections/{collection}/products/        401   401   403   403    yes    403   403    yes   yes   403
    GET     products/                                 yes   yes   yes   yes    yes   yes   yes    yes    yes   yes
    GET     products/?status=draft                    401   401   403   403    yes   yes   yes    yes    yes   403
    POST    products/                                 401   401   403   403    yes   403   403    yes    yes   403
    POST    products/bulk/                            401   401   403   403    yes   403   403    yes    yes   403
    GET     products/facets/                          yes   yes   yes   yes    yes   yes   yes    yes    yes   yes
    GET     products/suggest/                         yes   yes   yes   yes    yes   yes   yes    yes    yes   yes
    GET     products/{product}/                       yes   yes   yes   yes    yes   yes   yes    yes    yes   yes
    PUT     products/{product}/                       401   401   403   403    yes   403   403    yes    yes   403
    PATCH   products/{product}/                       401   401   403   403    yes   403   403    yes    yes   403
    DELETE  products/{product}/                       401   401   403   403    yes   403   403    yes    yes   403
    GET     products/{hidden}/                        404   404   404   404    yes   yes   yes    yes    yes   404
    POST    products/{product}/images/                401   401   403   403    yes   403   403    yes    yes   403
    PATCH   products/{product}/images/{image}/        401   401   403   403    yes   403   403    yes    yes   403
    DELETE  products/{product}/images/{image}/        401   401   403   403    yes   403   403    yes    yes   403
    GET     products/{product}/reviews/               yes   yes   yes   yes    yes   yes   yes    yes    yes   yes
    POST    products/{product}/reviews/               401   401   yes   yes    yes   yes   yes    yes    403   403
    PATCH   products/{product}/reviews/{review}/      401   401   yes   404    404   404   404    404    403   403
    DELETE  products/{product}/reviews/{review}/      401   401   yes   404    404   404   404    404    403   403
    POST    stock/bulk/                               401   401   403   403    yes   403   403    yes    yes   403
    POST    prices/bulk/                              401   401   403   403    yes   403   403    yes    yes   403
    GET     variants/{variant}/                       401   401   403   403    yes    yes   yes    yes   yes   403
    DELETE  variants/{variant}/                       401   401   403   403    yes    403   403    yes   yes   403
    POST    products/{product}/variants/              401   401   403   403    yes    403   403    yes   yes   403
    POST    products/{product}/duplicate/             401   401   403   403    yes    403   403    yes   yes   403
    PATCH   variants/{variant}/                       401   401   403   403    yes   403   403    yes    yes   403
    POST    variants/{variant}/stock/                 401   401   403   403    yes   403   403    yes    yes   403

    GET     cart/                                     yes   yes   yes   yes    yes   yes   yes    yes    403   403
    DELETE  cart/                                     yes   yes   yes   yes    yes   yes   yes    yes    403   403
    PUT     cart/coupon/                              yes   yes   yes   yes    yes   yes   yes    yes    403   403
    DELETE  cart/coupon/                              yes   yes   yes   yes    yes   yes   yes    yes    403   403
    POST    cart/items/                               yes   yes   yes   yes    yes   yes   yes    yes    403   403
    PUT     cart/items/                               yes   yes   yes   yes    yes   yes   yes    yes    403   403
    PATCH   cart/items/{line}/                        404   404   yes   404    404   404   404    404    403   403
    DELETE  cart/items/{line}/                        404   404   yes   404    404   404   404    404    403   403

    GET     shipping-methods/                         yes   yes   yes   yes    yes   yes   yes    yes    yes   yes
    GET     orders/                                   401   401   yes   yes    yes   yes   yes    yes    yes   403
    POST    orders/                                   401   yes   yes   yes    yes   yes   yes    yes    403   403
    POST    orders/quote/                             401   yes   yes   yes    yes   yes   yes    yes    403   403
    POST    orders/lookup/                            yes   yes   yes   yes    yes   yes   yes    yes    yes   yes
    PATCH   orders/{order}/                           401   401   403   403    403   yes   403    yes    yes   403
    POST    orders/{order}/correction-quote/          401   401   403   403    403   yes   403    yes    yes   403
    POST    orders/{order}/notes/                     401   401   403   403    403   yes   403    yes    yes   403
    GET     orders/{order}/                           401   404   yes   404    404   yes   yes    yes    yes   403
    GET     orders/{order}/invoice/                   401   404   yes   404    404   yes   yes    yes    yes   403
    GET     orders/{order}/credit-notes/{document}/   401   404   yes   404    404   yes   yes    yes    yes   403
    POST    orders/{order}/cancel/                    401   404   yes   404    404   yes   403    yes    yes   403
    POST    orders/{order}/fulfil/                    401   401   403   403    403   yes   403    yes    yes   403
    POST    orders/{order}/cancel-unshipped/          401   401   403   403    403   yes   403    yes    yes   403
    POST    orders/{order}/fulfilments/               401   401   403   403    403   yes   403    yes    yes   403
    PATCH   orders/{order}/fulfilments/{parcel}/      401   401   403   403    403   yes   403    yes    yes   403
    GET     orders/{order}/returns/                   401   404   yes   404    404   yes   yes    yes    yes   403
    POST    orders/{order}/returns/                   401   404   yes   404    404   yes   403    yes    yes   403
    POST    orders/{order}/returns/preview/           401   404   yes   404    404   yes   403    yes    yes   403
    GET     orders/{order}/returns/{return}/          401   404   yes   404    404   yes   yes    yes    yes   403
    POST    orders/{order}/returns/{return}/approve/  401   401   403   403    403   yes   403    yes    yes   403
    POST    orders/{order}/returns/{return}/reject/   401   401   403   403    403   yes   403    yes    yes   403
    POST    orders/{order}/returns/{return}/receive/  401   401   403   403    403   yes   403    yes    yes   403

    GET     payments/config/                          yes   yes   yes   yes    yes   yes   yes    yes    yes   yes
    POST    payments/webhook/                         yes   yes   yes   yes    yes   yes   yes    yes    yes   yes
    POST    payments/                                 401   yes   yes   yes    yes   yes   yes    yes    403   403
    GET     payments/{payment}/                       401   404   yes   404    404   yes   yes    yes    yes   403
    POST    payments/{payment}/refunds/               401   401   403   403    403   yes   403    yes    yes   403

    GET     api-keys/current/                         401   401   403   403    403   403   403    403    yes   yes

    GET     shipping/methods/                         401   401   403   403    403    403   yes    yes   yes   403
    POST    shipping/methods/                         401   401   403   403    403    403   403    yes   yes   403
    GET     shipping/methods/{method}/                401   401   403   403    403    403   yes    yes   yes   403
    PUT     shipping/methods/{method}/                401   401   403   403    403    403   403    yes   yes   403
    PATCH   shipping/methods/{method}/                401   401   403   403    403    403   403    yes   yes   403
    DELETE  shipping/methods/{method}/                401   401   403   403    403    403   403    yes   yes   403
    GET     shipping/zones/                           401   401   403   403    403    403   yes    yes   yes   403
    POST    shipping/zones/                           401   401   403   403    403    403   403    yes   yes   403
    GET     shipping/zones/{zone}/                    401   401   403   403    403    403   yes    yes   yes   403
    PUT     shipping/zones/{zone}/                    401   401   403   403    403    403   403    yes   yes   403
    PATCH   shipping/zones/{zone}/                    401   401   403   403    403    403   403    yes   yes   403
    DELETE  shipping/zones/{zone}/                    401   401   403   403    403    403   403    yes   yes   403
    GET     tax-rates/                                401   401   403   403    403    403   yes    yes   yes   403
    POST    tax-rates/                                401   401   403   403    403    403   403    yes   yes   403
    GET     tax-rates/{rate}/                         401   401   403   403    403    403   yes    yes   yes   403
    PUT     tax-rates/{rate}/                         401   401   403   403    403    403   403    yes   yes   403
    PATCH   tax-rates/{rate}/                         401   401   403   403    403    403   403    yes   yes   403
    DELETE  tax-rates/{rate}/                         401   401   403   403    403    403   403    yes   yes   403

    GET     promotions/                               401   401   403   403    403    403   yes    yes   yes   403
    POST    promotions/                               401   401   403   403    403    403   403    yes   yes   403
    GET     promotions/{promotion}/                   401   401   403   403    403    403   yes    yes   yes   403
    PUT     promotions/{promotion}/                   401   401   403   403    403    403   403    yes   yes   403
    PATCH   promotions/{promotion}/                   401   401   403   403    403    403   403    yes   yes   403
    DELETE  promotions/{promotion}/                   401   401   403   403    403    403   403    yes   yes   403

    GET     customers/                                401   401   403   403    403    yes   yes    yes   yes   403
    GET     customers/{customer}/                     401   401   403   403    403    yes   yes    yes   yes   403
    POST    customers/{customer}/deactivate/          401   401   403   403    403    403   403    yes   yes   403
    POST    customers/{customer}/activate/            401   401   403   403    403    403   403    yes   yes   403
    GET     reviews/                                  401   401   403   403    403    yes   yes    yes   yes   403
    GET     reviews/{review}/                         401   401   403   403    403    yes   yes    yes   yes   403
    DELETE  reviews/{review}/                         401   401   403   403    403    403   403    yes   yes   403
    POST    reviews/{review}/hide/                    401   401   403   403    403    yes   403    yes   yes   403
    POST    reviews/{review}/show/                    401   401   403   403    403    yes   403    yes   yes   403
    GET     changes/                                  401   401   403   403    403   403   yes    yes    yes   403
    GET     webhook-endpoints/                        401   401   403   403    403   403   yes    yes    yes   403
    POST    webhook-endpoints/                        401   401   403   403    403   403   403    yes    yes   403
    GET     webhook-endpoints/{endpoint}/             401   401   403   403    403   403   yes    yes    yes   403
    PATCH   webhook-endpoints/{endpoint}/             401   401   403   403    403   403   403    yes    yes   403
    DELETE  webhook-endpoints/{endpoint}/             401   401   403   403    403   403   403    yes    yes   403
    POST    webhook-endpoints/{endpoint}/test/        401   401   403   403    403   403   403    yes    yes   403
    POST    webhook-endpoints/{endpoint}/rotate-secret/  401  401  403   403   403   403   403    yes    yes   403
    GET     webhook-endpoints/{endpoint}/deliveries/  401   401   403   403    403   403   yes    yes    yes   403
    GET     webhook-endpoints/{endpoint}/deliveries/{delivery}/  401 401 403 403 403 403   yes    yes    yes   403
    POST    webhook-endpoints/{endpoint}/deliveries/{delivery}/replay/  401 401 403 403 403 403 403 yes  yes   403
""")

# Outside the API and the admin all users get the same: by path, the status of GET.
AROUND = {
    "(?:api/v1/?)?": 404,  # for programs; browsers are redirected to the documentation
    "favicon.ico": 302,
    "livez/": 200,
    "readyz/": 200,
    "api/schema/": 200,
    "api/docs/": 200,
    "admin": 302,
    "media/{path}": 404,
    "": 404,  # without a route
}

# The admin: a model's pages that staff may open. L its list, A adding, C viewing an object, S saving it,
# D deleting it, H its history; the names after a + are buttons and actions on selected rows.
# Everything else is 403. Customers and `nobody` are redirected to the login.
STAFF = ("editor", "desk", "reader", "boss")
# Names that several cells share.
COMMON = {
    "EDIT": "activate+deactivate+import_file",
    "PRICES": "change_prices+price_changes",
    "VARIANTS": "variants+generate_variants+duplicate",
    "DESK": "cancel+settle+add_note+delete_note+edit_tags+resend_mail",
    "PARCELS": "ship+deliver+cancel_unshipped+correct_tracking+deliver_parcel+ship_chosen+deliver_chosen",
    "RETURNS": "approve_return+reject_return+receive_return",
    "SLIPS": "packing_slip+print_packing_slips",
    "CORRECT": "correct+addresses+waive",
    "ENTER": "new_order+new+products",
    "EXPORT": "export_csv+export_xlsx+export_chosen_csv+export_chosen_xlsx",
}
ADMIN = {
    model: dict(zip(STAFF, cells, strict=True))
    for model, *cells in map(
        str.split,
        """
    accounts.user            -                            LCH+add_note+delete_note                       LCH  LACSDH+add_note+delete_note+password+send_password_link+send_verification+invite+invite_again+reset_two_factor
    accounts.apikey          -                            -                         LCH  LACSH+revoke+take_over
    auth.group               -                            -                         LCH  LACSDH+delete_selected
    cart.cart                -                            -                         LCH  LCH
    cart.promotion           -                            -                         LCH  LACSDH
    catalog.category         LACSDH                       -                         LCH  LACSDH
    catalog.collection       LACSDH                       -                         LCH  LACSDH
    catalog.importrun        LACH+confirm+discard         -                         LCH  LACH+confirm+discard
    catalog.product          LACSDH+EDIT+EXPORT+PRICES+VARIANTS  LCH+EXPORT  LCH+EXPORT  LACSDH+EDIT+EXPORT+PRICES+VARIANTS
    catalog.stockmovement    LCH                          LCH                       LCH  LCH
    catalog.variant          LCH+change_stock+edit_details+inventory  LCH           LCH  LCH+change_stock+edit_details+inventory
    orders.order             -                            LCH+DESK+CORRECT+ENTER+PARCELS+RETURNS+SLIPS+mail_preview+invoice  LCH+SLIPS+mail_preview+reports  LCH+DESK+CORRECT+ENTER+PARCELS+RETURNS+SLIPS+mail_preview+invoice+erase+reports
    orders.invoice           -                            LCH+download+export       LCH+download+export  LCH+download+export
    orders.review            -                            LCH+hide+show+hide_selected+show_selected  LCH  LCDH+delete_selected+hide+show+hide_selected+show_selected
    orders.shippingmethod    -                            -                         LCH  LACSDH
    orders.shippingzone      -                            -                         LCH  LACSDH
    orders.taxrate           -                            -                         LCH  LACSDH+delete_selected
    payments.payment         -                            LCH+refund                LCH  LCH+refund
    payments.refund          -                            LCH                       LCH  LCH
    payments.stripeevent     -                            -                         LCH  LCH+replay+replay_selected
    shop.change              -                            -                         LCH  LCH
    shop.webhookendpoint     -                            -                         LCH  LACSDH+send_test+rotate_secret
    shop.webhookdelivery     -                            -                         LCH  LCH+replay+replay_selected
    shop.job                 -                            -                         LCH  LCH+run_now+run_selected
    shop.staffaction         -                            -                         LCH  LCH
    shop.periodictask        -                            -                         LCH  LCH
    shop.staffaction         -                            -                         LCH  LCH
    """.strip().splitlines(),  # noqa: E501
    )
}
# The admin's pages without a model, by name: the status of GET for `nobody`, a customer and any staff.
SITE = {
    "index": (302, 302, 200),
    "login": (200, 200, 302),
    "login_code": (302, 302, 302),
    "forgot_password": (200, 200, 200),
    "choose_password": (200, 200, 200),
    "accept_invitation": (200, 200, 200),
    "two_factor": (302, 302, 200),
    "mails": (302, 302, 200),
    "mail_preview": (302, 302, 404),
    "logout": (302, 302, 405),
    "password_change": (302, 302, 200),
    "password_change_done": (302, 302, 200),
    "search": (302, 302, 200),
    "jsi18n": (302, 302, 200),
    "autocomplete": (302, 302, 403),
}
# Arguments of these pages, which lead to nothing.
WITH_ARGUMENTS = dict.fromkeys(("choose_password", "accept_invitation"), ("0" * 24, "token")) | {"mail_preview": ("x",)}
# The list of an app's models: 404 for those who may see none of them.
APPS = {
    "accounts": ("desk", "reader", "boss"),
    "auth": ("reader", "boss"),
    "cart": ("reader", "boss"),
    "catalog": ("editor", "desk", "reader", "boss"),
    "orders": ("desk", "reader", "boss"),
    "payments": ("desk", "reader", "boss"),
    "shop": ("reader", "boss"),
}
