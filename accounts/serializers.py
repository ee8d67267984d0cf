from typing import Any, ClassVar

from django.contrib.auth.password_validation import MinimumLengthValidator, validate_password
from django.core import exceptions as django_exceptions
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from rest_framework import serializers

from accounts.links import EMAIL_CHANGE, RESET, VERIFICATION, Link
from accounts.models import COUNTRY_CODES, Address, User, validate_country
from accounts.passwords import normalize_password
from accounts.phone_numbers import MAX_TYPED_LENGTH, normalize_phone, validate_phone
from accounts.postal import required_fields
from accounts.tax_ids import MAX_LENGTH as MAX_TAX_ID_LENGTH
from accounts.tax_ids import normalize_tax_id
from shop.api.object_ids import ObjectIdField
from shop.api.optional_nulls import OptionalNulls
from shop.jobs.email_addresses import check_email, normalize_email
from shop.media.fields import ImageURLField, UploadedImageField

MAX_EMAIL_LENGTH = 254


class PhoneField(serializers.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=MAX_TYPED_LENGTH, required=False, allow_blank=True, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if text:
            validate_phone(text)
        return normalize_phone(text)


class UserSerializer(OptionalNulls, serializers.ModelSerializer):
    avatar = ImageURLField()
    phone = PhoneField()

    class Meta:
        model = User
        fields = ["id", "email", "name", "phone", "avatar", "email_verified", "is_staff", "date_joined"]
        read_only_fields = ["id", "email", "email_verified", "is_staff", "date_joined"]

    descriptions = {"name": "Name of the person."}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        email = self.initial_data.get("email")
        if self.instance is None or email is None:
            return attrs
        if not isinstance(email, str) or normalize_email(email) != self.instance.email:
            raise serializers.ValidationError(
                {"email": "Change the e-mail address with POST /api/v1/auth/email/change/."}, code="email_not_changed"
            )
        return attrs


class EmailAddressField(serializers.EmailField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=MAX_EMAIL_LENGTH, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        return normalize_email(super().to_internal_value(data))


class NewEmailAddressField(EmailAddressField):
    """An address to which mail can be delivered."""

    def to_internal_value(self, data: Any) -> str:
        email = super().to_internal_value(data)
        # The length validator reports a longer one.
        return check_email(email) if len(email) <= MAX_EMAIL_LENGTH else email


class PasswordField(serializers.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(write_only=True, trim_whitespace=False, max_length=1024, **kwargs)


class NewPasswordField(PasswordField):
    extra_schema = {"minLength": MinimumLengthValidator().min_length}

    def to_internal_value(self, data: Any) -> str:
        return normalize_password(super().to_internal_value(data))


def check_password_rules(password: str, *, user: User, field: str) -> None:
    """Raise ``ValidationError`` for ``field``."""
    try:
        validate_password(password, user)
    except django_exceptions.ValidationError as error:
        details = [serializers.ErrorDetail(" ".join(each.messages), code=each.code) for each in error.error_list]
        raise serializers.ValidationError({field: details}) from error


class RegisterSerializer(serializers.Serializer):
    email = NewEmailAddressField()
    password = NewPasswordField()
    name = serializers.CharField(max_length=120)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        check_password_rules(attrs["password"], user=User(email=attrs["email"], name=attrs["name"]), field="password")
        return attrs


class LoginSerializer(OptionalNulls):
    email = serializers.CharField(max_length=254)
    password = PasswordField()
    code = serializers.CharField(
        max_length=20, required=False, allow_blank=True, default="", help_text="For staff with two-factor login."
    )


class RefreshSerializer(serializers.Serializer):
    refresh = serializers.CharField(max_length=4096)


class PasswordChangeSerializer(serializers.Serializer):
    old_password = PasswordField(help_text="The present password.")
    new_password = NewPasswordField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        check_password_rules(attrs["new_password"], user=self.context["request"].user, field="new_password")
        return attrs


class EmailChangeSerializer(serializers.Serializer):
    email = NewEmailAddressField()
    password = PasswordField()

    def validate_email(self, email: str) -> str:
        if email == self.context["request"].user.email:
            raise serializers.ValidationError("This is already the address of the account.", code="unchanged")
        return email


class PasswordResetSerializer(serializers.Serializer):
    email = EmailAddressField()


class LinkSerializer(serializers.Serializer):
    """Parameters of a link."""

    descriptions = {"token": "The `token` of the link in the mail."}

    uid = ObjectIdField(write_only=True)
    token = serializers.CharField(max_length=200, write_only=True)

    link: Link

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs["user"] = self.link.owner(uid=attrs.pop("uid"), token=attrs.pop("token"))
        return attrs


class PasswordResetConfirmSerializer(LinkSerializer):
    new_password = NewPasswordField()

    link = RESET

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        check_password_rules(attrs["new_password"], user=attrs["user"], field="new_password")
        return attrs


class EmailVerificationConfirmSerializer(LinkSerializer):
    link = VERIFICATION


class EmailChangeConfirmSerializer(LinkSerializer):
    link = EMAIL_CHANGE


class TokenPairSerializer(serializers.Serializer):
    access = serializers.CharField(read_only=True)
    refresh = serializers.CharField(read_only=True)


class LoginReplySerializer(TokenPairSerializer):
    user = UserSerializer(read_only=True)


class ProfileExportSerializer(UserSerializer):
    new_email = serializers.CharField(help_text="The new address until it is confirmed, or empty.")
    last_admin_login = serializers.DateTimeField(
        source="last_login", allow_null=True, help_text="Time of the last login to the admin, or null."
    )

    class Meta(UserSerializer.Meta):
        fields = [*UserSerializer.Meta.fields, "new_email", "last_admin_login"]
        read_only_fields = fields


class SessionExportSerializer(serializers.Serializer):
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class AvatarSerializer(serializers.Serializer):
    image = UploadedImageField(help_text="A JPEG, PNG or WebP file.")


class CountryField(serializers.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=2, validators=[validate_country], **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        return text.upper() if text.isascii() else text


class CountryFieldSchema(OpenApiSerializerFieldExtension):
    target_class = "accounts.serializers.CountryField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        # Requests may have them in lower case.
        return {"type": "string", "enum": sorted(COUNTRY_CODES)}


# The fields that depend on the country.
_BY_COUNTRY = ("city", "state", "postal_code", "tax_id")


class AddressSerializer(OptionalNulls, serializers.ModelSerializer):
    country = CountryField()
    tax_id = serializers.CharField(
        max_length=MAX_TAX_ID_LENGTH,
        required=False,
        allow_blank=True,
        help_text="A VAT or tax number in the format of the country, stored without separators: `DE136695976`.",
    )
    state = serializers.CharField(
        max_length=120,
        required=False,
        allow_blank=True,
        help_text="An ISO 3166-2 code (`CA`, `US-CA`) or a name (`California`). Known states are stored as the short "
        "code. Countries that are taxed by state require a known state.",
    )
    phone = PhoneField()

    class Meta:
        model = Address
        fields = ["id", *Address.POSTAL_FIELDS, "is_default"]
        extra_kwargs: ClassVar[dict[str, dict[str, Any]]] = {
            name: {"help_text": "Required if addresses of the country have it."} for name in ("city", "postal_code")
        }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Check the fields by country; of a changed address only those that are given, or that a country decides."""
        address = {name: getattr(self.instance, name, "") for name in (*_BY_COUNTRY, "country")} | attrs
        checked = set(_BY_COUNTRY) if self.instance is None or "country" in attrs else set(_BY_COUNTRY) & attrs.keys()
        errors = {}
        for name in sorted(checked & required_fields(address["country"])):
            if not address[name].strip():
                errors[name] = serializers.ErrorDetail("Addresses of this country need this field.", code="required")
        if "tax_id" in checked:
            try:
                attrs["tax_id"] = normalize_tax_id(address["country"], address["tax_id"])
            except django_exceptions.ValidationError as error:
                errors["tax_id"] = serializers.ErrorDetail(str(error.message), code=error.code)
        if errors:
            raise serializers.ValidationError(errors)
        return attrs


class ExportSerializer(serializers.Serializer):
    """The accounts part of an export."""

    profile = ProfileExportSerializer(help_text="The account.")
    addresses = AddressSerializer(many=True)
    sessions = SessionExportSerializer(many=True, help_text="Logins that have not expired.")
