from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts.customers import services
from accounts.customers.listing import CustomerPagination, customer_query
from accounts.customers.serializers import CustomerDetailSerializer, CustomerQuerySerializer, CustomerSerializer
from accounts.errors import OwnAccount
from accounts.models import User
from shop.api.resources import ListAndRetrieve, operations


@operations("customer", "customers")
class CustomerViewSet(ListAndRetrieve):
    """Accounts, for staff; also those of staff."""

    queryset = User.objects.filter(closed_at=None)
    pagination_class = CustomerPagination
    filters = CustomerQuerySerializer
    verbs = {"activate": "change", "deactivate": "change"}
    operation_ids = {"activate": "activateCustomer", "deactivate": "deactivateCustomer"}
    errors = {"activate": [NotFound, PermissionDenied], "deactivate": [NotFound, PermissionDenied, OwnAccount]}

    def get_serializer_class(self) -> type[BaseSerializer]:
        return CustomerSerializer if self.action == "list" else CustomerDetailSerializer

    def filtered(self, rows: QuerySet[User], **filters: Any) -> Any:
        return customer_query(filters)

    @extend_schema(request=None, responses=CustomerDetailSerializer)
    @action(detail=True, methods=["post"])
    def deactivate(self, request: Request, pk: str) -> Response:
        """Deactivate an account, and end its logins. Those of staff need a superuser (staff only)."""
        return self.reply(services.set_active(user=self.get_object(), is_active=False, editor=request.user))

    @extend_schema(request=None, responses=CustomerDetailSerializer)
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, pk: str) -> Response:
        """Activate a deactivated account (staff only)."""
        return self.reply(services.set_active(user=self.get_object(), is_active=True, editor=request.user))
