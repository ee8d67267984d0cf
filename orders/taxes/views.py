from orders.taxes.models import TaxRate
from orders.taxes.serializers import TaxRateSerializer
from shop.api.resources import StaffResource, ValueTaken, operations


@operations("tax rate", "tax rates")
class TaxRateViewSet(StaffResource):
    """Tax rates by place and tax class, for staff."""

    queryset = TaxRate.objects.all()
    serializer_class = TaxRateSerializer
    taken_error = ValueTaken
