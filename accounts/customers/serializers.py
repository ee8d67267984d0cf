from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.models import Address, User
from accounts.serializers import AddressSerializer, EmailAddressField
from shop.api.query import ChangesQuerySerializer, QueryBooleanField
from shop.media.fields import ImageURLField


class CustomerSerializer(serializers.ModelSerializer):
    """An account, as staff see it."""

    avatar = ImageURLField(help_text="Picture, or null.")

    class Meta:
        model = User
        fields: tuple[str, ...] = (
            "id",
            "email",
            "name",
            "phone",
            "avatar",
            "email_verified",
            "is_active",
            "is_staff",
            "date_joined",
            "updated_at",
        )
        read_only_fields = fields
        extra_kwargs = {
            "is_active": {"help_text": "Deactivated accounts cannot log in."},
            "updated_at": {"help_text": "When one of these fields or an address last changed."},
        }


class CustomerDetailSerializer(CustomerSerializer):
    addresses = serializers.SerializerMethodField(help_text="The address book, newest first.")

    class Meta(CustomerSerializer.Meta):
        fields = (*CustomerSerializer.Meta.fields, "addresses")
        read_only_fields = fields

    @extend_schema_field(AddressSerializer(many=True))
    def get_addresses(self, user: User) -> list[dict[str, object]]:
        addresses = Address.objects.owned_by(user).order_by("-pk")
        return list(AddressSerializer(addresses, many=True, context=self.context).data)


class CustomerQuerySerializer(ChangesQuerySerializer):
    """Query parameters of the list of customers."""

    email = EmailAddressField(required=False, help_text="The whole address.")
    is_active = QueryBooleanField(required=False, help_text="Active accounts, or deactivated ones.")
    is_staff = QueryBooleanField(required=False, help_text="Accounts of staff, or of customers.")
    email_verified = QueryBooleanField(required=False, help_text="With a verified address, or without.")
