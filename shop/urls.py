from django.conf import settings
from django.contrib import admin
from django.urls import path, re_path
from django.views.decorators.cache import cache_control
from django.views.generic import RedirectView
from django.views.static import serve
from drf_spectacular.views import SpectacularSwaggerSplitView

from accounts.api_keys.views import ApiKeyViewSet
from accounts.customers.views import CustomerViewSet
from accounts.link_views import LinkViewSet
from accounts.views import AddressViewSet, AuthViewSet, ProfileViewSet, SessionViewSet
from cart.promotions.views import PromotionViewSet
from cart.views import CartItemViewSet, CartViewSet
from catalog.bulk.views import PriceViewSet, StockViewSet
from catalog.collections.views import CollectionViewSet
from catalog.variant_views import ProductVariantViewSet, VariantViewSet
from catalog.views import CategoryViewSet, ProductImageViewSet, ProductViewSet
from orders.fulfilments.views import FulfilmentViewSet
from orders.returns.views import ReturnViewSet
from orders.reviews.staff_views import StaffReviewViewSet
from orders.reviews.views import ReviewViewSet
from orders.shipping.views import ShippingZoneViewSet, StaffShippingMethodViewSet
from orders.taxes.views import TaxRateViewSet
from orders.views import OrderViewSet, ShippingMethodViewSet
from payments.views import PaymentViewSet
from shop.api import error_responses
from shop.api.routers import ShopRouter
from shop.api.schema_view import SchemaView
from shop.changes.views import ChangeViewSet
from shop.http import health
from shop.metrics import exposition
from shop.webhooks.views import WebhookDeliveryViewSet, WebhookEndpointViewSet

router = ShopRouter(root="api/v1/")
# Most requested first.
router.register("products", ProductViewSet, basename="product")
router.register("cart/items", CartItemViewSet, basename="cart-item")
router.register("cart", CartViewSet, basename="cart")
router.register("orders", OrderViewSet, basename="order")
router.register("orders/(?P<number>[0-9A-Za-z-]+)/fulfilments", FulfilmentViewSet, basename="fulfilment")
router.register("orders/(?P<number>[0-9A-Za-z-]+)/returns", ReturnViewSet, basename="return")
router.register("auth", AuthViewSet, basename="auth")
router.register("auth", SessionViewSet, basename="session")
router.register("auth", LinkViewSet, basename="link")
router.register("users/me/addresses", AddressViewSet, basename="address")
router.register("users/me", ProfileViewSet, basename="profile")
router.register("categories", CategoryViewSet, basename="category")
router.register("collections", CollectionViewSet, basename="collection")
router.register("products/(?P<product_pk>[0-9a-f]{24})/images", ProductImageViewSet, basename="product-image")
router.register("products/(?P<product_pk>[-a-zA-Z0-9_]+)/reviews", ReviewViewSet, basename="review")
router.register("products/(?P<product_pk>[0-9a-f]{24})/variants", ProductVariantViewSet, basename="product-variant")
router.register("variants", VariantViewSet, basename="variant")
router.register("stock", StockViewSet, basename="stock")
router.register("prices", PriceViewSet, basename="price")
router.register("shipping-methods", ShippingMethodViewSet, basename="shipping-method")
router.register("api-keys", ApiKeyViewSet, basename="api-key")
router.register("payments", PaymentViewSet, basename="payment")
router.register("promotions", PromotionViewSet, basename="promotion")
router.register("customers", CustomerViewSet, basename="customer")
router.register("reviews", StaffReviewViewSet, basename="staff-review")
router.register("shipping/methods", StaffShippingMethodViewSet, basename="staff-shipping-method")
router.register("shipping/zones", ShippingZoneViewSet, basename="shipping-zone")
router.register("tax-rates", TaxRateViewSet, basename="tax-rate")
router.register("changes", ChangeViewSet, basename="change")
router.register("webhook-endpoints", WebhookEndpointViewSet, basename="webhook-endpoint")
router.register(
    "webhook-endpoints/(?P<endpoint_pk>[0-9a-f]{24})/deliveries", WebhookDeliveryViewSet, basename="webhook-delivery"
)

urlpatterns = [
    *router.urls,
    re_path(r"^(?:api/v1/?)?$", error_responses.redirect_to_docs, name="root"),
    path("favicon.ico", RedirectView.as_view(url=f"{settings.STATIC_URL}shop/favicon.svg"), name="favicon"),
    re_path(r"^livez/?$", health.livez, name="livez"),
    re_path(r"^readyz/?$", health.readyz, name="readyz"),
    re_path(r"^api/schema/?$", cache_control(max_age=300)(SchemaView.as_view()), name="schema"),
    # Responses to other methods cannot be rendered as HTML.
    re_path(
        r"^api/docs/?$",
        SpectacularSwaggerSplitView.as_view(url_name="schema", http_method_names=["get", "head"]),
        name="docs",
    ),
    path(settings.ADMIN_PATH, admin.site.urls),
    path(settings.ADMIN_PATH.rstrip("/"), RedirectView.as_view(pattern_name="admin:index")),
]
if settings.METRICS_TOKEN:
    urlpatterns.append(re_path(r"^metrics$", exposition.metrics, name="metrics"))
if settings.DEBUG and not settings.USE_CLOUDINARY:
    pictures = cache_control(public=True, max_age=3600)(serve)
    urlpatterns.append(
        re_path(r"^media/(?P<path>.*)$", pictures, {"document_root": settings.MEDIA_ROOT}, name="picture")
    )
urlpatterns.append(re_path(r"", error_responses.not_found, name="nowhere"))

handler400 = error_responses.bad_request
handler403 = error_responses.forbidden
handler404 = error_responses.not_found
handler500 = error_responses.server_error
