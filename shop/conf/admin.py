from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.text import format_lazy


def _page(title: str, icon: str, model: str) -> dict[str, Any]:
    app, name = model.split(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{name}_changelist"),
        "permission": lambda request: _may_see(request, model),
        "active": lambda request: _is_open(request, f"/{app}/{name}/"),
    }


def _is_open(request: HttpRequest, part: str) -> bool:
    """Return whether the page is one of the model, and no other item of the menu."""
    return part in request.path and not request.path.endswith(("/inventory/", "/reports/")) and not _is_team(request)


def _is_team(request: HttpRequest) -> bool:
    return request.GET.get("is_staff__exact") == "1"


def _may_see(request: HttpRequest, model: str) -> bool:
    # Not importable while the settings load.
    from shop.admin.dashboard import may_see

    return may_see(request, model)


def _section(title: str, *pages: dict[str, Any], separator: bool = True, collapsible: bool = False) -> dict[str, Any]:
    return {"title": title, "separator": separator, "collapsible": collapsible, "items": pages}


def _team() -> dict[str, Any]:
    page = _page("Team", "badge", "accounts.user")
    return {**page, "link": format_lazy("{}?is_staff__exact=1", page["link"]), "active": _is_team}


UNFOLD = {
    "SITE_TITLE": "Shop",
    "SITE_HEADER": "Shop",
    "SITE_SYMBOL": "storefront",
    "SITE_URL": None,
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "8px",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("shop/favicon.svg")}],
    "DASHBOARD_CALLBACK": "shop.admin.dashboard.add_to_index",
    "ACCOUNT": {
        "navigation": [
            {"title": "Change password", "link": reverse_lazy("admin:password_change")},
            {"title": "Two-factor login", "link": reverse_lazy("admin:two_factor")},
        ]
    },
    "STYLES": [lambda request: static("shop/admin.css")],
    "SCRIPTS": [lambda request: static("shop/admin.js"), lambda request: static("shop/refunds.js")],
    "COLORS": {
        "primary": {
            "50": "oklch(98.2% .018 184)",
            "100": "oklch(95% .048 184)",
            "200": "oklch(90% .086 184)",
            "300": "oklch(83% .115 184)",
            "400": "oklch(72% .12 184)",
            "500": "oklch(60% .108 185)",
            "600": "oklch(51% .093 186)",
            "700": "oklch(43.5% .078 188)",
            "800": "oklch(37% .064 189)",
            "900": "oklch(32% .052 190)",
            "950": "oklch(22% .042 192)",
        },
    },
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "navigation": [
            {"items": [{"title": "Dashboard", "icon": "dashboard", "link": reverse_lazy("admin:index")}]},
            _section(
                "Catalog",
                _page("Products", "sell", "catalog.product"),
                _page("Categories", "account_tree", "catalog.category"),
                _page("Collections", "view_carousel", "catalog.collection"),
                {
                    "title": "Inventory",
                    "icon": "edit_note",
                    "link": reverse_lazy("admin:catalog_variant_inventory"),
                    "permission": lambda request: request.user.has_perm("catalog.change_variant"),
                },
                _page("Variants", "inventory_2", "catalog.variant"),
                _page("Stock movements", "swap_vert", "catalog.stockmovement"),
                _page("Imports", "upload_file", "catalog.importrun"),
                separator=False,
            ),
            _section(
                "Sales",
                _page("Orders", "receipt_long", "orders.order"),
                _page("Invoices", "description", "orders.invoice"),
                {
                    "title": "Reports",
                    "icon": "monitoring",
                    "link": format_lazy("{}?by=day", reverse_lazy("admin:orders_order_reports")),
                    "permission": lambda request: request.user.has_perm("orders.view_dailytotal"),
                },
                _page("Reviews", "reviews", "orders.review"),
                _page("Shipping methods", "local_shipping", "orders.shippingmethod"),
                _page("Shipping zones", "public", "orders.shippingzone"),
                _page("Tax rates", "percent", "orders.taxrate"),
            ),
            _section("Customers", _page("Customers", "group", "accounts.user")),
            _section(
                "Payments",
                _page("Payments", "payments", "payments.payment"),
                _page("Refunds", "currency_exchange", "payments.refund"),
                _page("Stripe events", "webhook", "payments.stripeevent"),
            ),
            _section(
                "Carts and discounts",
                _page("Promotions", "local_activity", "cart.promotion"),
                _page("Carts", "shopping_cart", "cart.cart"),
            ),
            _section(
                "Staff",
                _team(),
                _page("Groups", "admin_panel_settings", "auth.group"),
                _page("API keys", "key", "accounts.apikey"),
            ),
            _section(
                "System",
                _page("Staff actions", "history", "shop.staffaction"),
                {"title": "E-mails", "icon": "mail", "link": reverse_lazy("admin:mails")},
                _page("Webhook endpoints", "webhook", "shop.webhookendpoint"),
                _page("Webhook deliveries", "outbox", "shop.webhookdelivery"),
                _page("Changes", "difference", "shop.change"),
                _page("Jobs", "work_history", "shop.job"),
                _page("Periodic tasks", "schedule", "shop.periodictask"),
                collapsible=True,
            ),
        ],
    },
}

LOGIN_REDIRECT_URL = "admin:index"
FORMAT_MODULE_PATH = ["shop.formats"]
