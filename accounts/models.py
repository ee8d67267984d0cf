from collections.abc import Iterable, Iterator
from typing import Any

from bson import ObjectId
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django_countries import countries
from django_mongodb_backend.fields import ObjectIdField

from accounts.api_keys.models import ApiKey  # noqa: F401 (found by Django here)
from accounts.passwords import hash_password, normalize_password, spellings
from accounts.phone_numbers import MAX_LENGTH as MAX_PHONE_LENGTH
from accounts.phone_numbers import normalize_phone, validate_phone
from accounts.staff.models import SecondFactor  # noqa: F401 (found by Django here)
from accounts.tax_ids import MAX_LENGTH as MAX_TAX_ID_LENGTH
from shop.db import documents
from shop.db.mongodb import CASE_INSENSITIVE, LAST_CHARACTER, CaseInsensitiveIndex, TTLIndex
from shop.jobs.email_addresses import check_email, normalize_email

COUNTRY_CODES = frozenset(countries.countries)


def validate_country(code: str) -> None:
    if code not in COUNTRY_CODES:
        raise ValidationError("Enter a two-letter ISO 3166 country code, such as DE.", code="invalid")


class UserQuerySet(models.QuerySet["User"]):
    def active(self) -> "UserQuerySet":
        return self.filter(is_active=True)

    def closed(self) -> "UserQuerySet":
        return self.exclude(closed_at=None)

    def bump_revision(self, **written: Any) -> int:
        """Write to the account, so that a concurrent deletion conflicts; return 0 if it is deleted.
        Call it in every transaction that writes the user's data.
        """
        return self.update(revision=models.F("revision") + 1, **written)

    def update(self, **values: Any) -> int:
        """Also set ``updated_at`` if staff see another customer then."""
        if not User.SHOWN_FIELDS.isdisjoint(values):
            values.setdefault("updated_at", timezone.now())
        return super().update(**values)


class UserManager(BaseUserManager["User"]):
    def get_queryset(self) -> UserQuerySet:
        return UserQuerySet(self.model, using=self.db)

    def active(self) -> UserQuerySet:
        return self.get_queryset().active()

    def keys_by_name(self, beginning: str, *, limit: int) -> list[ObjectId]:
        """Return the first keys by name, ignoring case and accents."""
        pipeline: documents.Pipeline = [
            {"$match": {"name": {"$gte": beginning, "$lt": beginning + LAST_CHARACTER}}},
            {"$sort": {"name": 1}},
            {"$limit": limit},
            {"$project": {"_id": 1}},
        ]
        return [row["_id"] for row in documents.aggregate(self.model, pipeline, collation=CASE_INSENSITIVE)]

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Raise ``ValidationError`` for an undeliverable address, ``IntegrityError`` for a taken one."""
        user = self.model(email=check_email(email), **fields)
        user.set_password(password)
        user.save(force_insert=True, using=self.db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, **{"is_staff": True, "is_superuser": True, **fields})

    def get_by_natural_key(self, email: str | None) -> "User":
        user = documents.find_one(self.model, {"email": {"$eq": normalize_email(email or "")}})
        if user is None:
            raise self.model.DoesNotExist
        return user


class User(AbstractBaseUser, PermissionsMixin):
    email = models.EmailField("e-mail address", unique=True)
    name = models.CharField(max_length=120)
    phone = models.CharField(max_length=MAX_PHONE_LENGTH, blank=True, validators=[validate_phone])
    # Name in the default storage.
    avatar = models.CharField(max_length=255, blank=True, editable=False)
    email_verified = models.BooleanField("e-mail verified", default=False)
    # The requested address, until it is confirmed.
    new_email = models.EmailField(blank=True, editable=False)
    is_staff = models.BooleanField("staff", default=False, help_text="Can log in to the admin.")
    is_active = models.BooleanField("active", default=True, help_text="Deactivate instead of deleting.")
    date_joined = models.DateTimeField(default=timezone.now, editable=False)
    # When a shown field or an address last changed, for lists by `updated_since`.
    updated_at = models.DateTimeField(default=timezone.now, editable=False)
    # Deleted, but some of its rows are left, see `accounts.closing`.
    closed_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Part of access tokens and admin sessions; incrementing revokes them.
    token_version = models.PositiveIntegerField(default=0, editable=False)
    revision = models.PositiveIntegerField(default=0, editable=False)

    SHOWN_FIELDS = frozenset(
        ("email", "name", "phone", "avatar", "email_verified", "is_staff", "is_active", "closed_at")
    )

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    class Meta:
        verbose_name = "customer"
        verbose_name_plural = "customers"
        indexes = [
            models.Index(fields=["avatar"], condition=models.Q(avatar__gt=""), name="user_avatar"),
            CaseInsensitiveIndex(fields=["name"], name="user_name"),
            models.Index(fields=["updated_at", "id"], name="user_updated"),
            # For the list in the admin.
            models.Index(fields=["is_staff", "is_active", "email_verified", "-id"], name="user_states"),
        ]

    def __str__(self) -> str:
        return self.email

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        if update_fields is None or not self.SHOWN_FIELDS.isdisjoint(update_fields := set(update_fields)):
            self.updated_at = timezone.now()
            update_fields = update_fields and {*update_fields, "updated_at"}
        super().save(*args, update_fields=update_fields, **kwargs)

    def clean(self) -> None:
        super().clean()
        self.email = normalize_email(self.email)
        self.phone = normalize_phone(self.phone)

    def set_password(self, raw_password: str | None) -> None:
        super().set_password(raw_password and normalize_password(raw_password))

    def check_password(self, raw_password: str | None) -> bool:
        """Upgrade old hashes conditionally: Django's upgrade could undo a concurrent password change."""

        def renew(password: str) -> None:
            new = hash_password(password)
            if User.objects.filter(pk=self.pk, password=self.password).update(password=new):
                self.password = new

        if raw_password is None:
            return check_password(None, self.password)
        normal, *others = spellings(raw_password)
        if check_password(normal, self.password, renew):
            return True
        for other in others:
            if check_password(other, self.password):
                renew(other)
                return True
        return False

    def get_session_auth_hash(self) -> str:
        """Include ``token_version``, to end admin sessions."""
        return f"{super().get_session_auth_hash()}.{self.token_version}"

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        return (f"{each}.{self.token_version}" for each in super().get_session_auth_fallback_hash())

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name.split(" ")[0]


class TokenFamily(models.Model):
    """A login's refresh tokens. Only the newest is valid; reuse of another deletes the family."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="token_families")
    # The user's `token_version` at login.
    version = models.PositiveIntegerField(default=0)
    # `jti` of the valid token.
    current = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [TTLIndex(fields=["expires_at"], name="token_family_expiry")]

    def __str__(self) -> str:
        return f"login of {self.user_id}"


class KnownNetwork(models.Model):
    """``_id`` is a keyed digest of the account and the network."""

    id = models.CharField(max_length=64, primary_key=True, db_column="_id")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="known_networks")
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [TTLIndex(fields=["expires_at"], name="known_network_expiry")]

    def __str__(self) -> str:
        return f"network of {self.user_id}"


class CustomerNote(models.Model):
    """An internal note of staff about a customer, who never sees it."""

    # Indexed by "customer_note_of".
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="staff_notes", db_index=False)
    text = models.TextField(max_length=2000)
    # Null if no member of staff acted. It outlives the author's account.
    staff = ObjectIdField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "customer note"
        # Authors delete their own.
        default_permissions = ("view", "add")
        indexes = [models.Index(fields=["user", "-id"], name="customer_note_of")]

    def __str__(self) -> str:
        return f"note about {self.user_id}"


class AddressQuerySet(models.QuerySet["Address"]):
    def owned_by(self, user: User) -> "AddressQuerySet":
        return self.filter(user=user)


class Address(models.Model):
    # Indexed by "address_user".
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="addresses", db_index=False)
    name = models.CharField(max_length=120)
    company = models.CharField(max_length=120, blank=True, default="")
    # See `accounts.tax_ids`.
    tax_id = models.CharField(max_length=MAX_TAX_ID_LENGTH, blank=True, default="")
    line1 = models.CharField(max_length=200)
    line2 = models.CharField(max_length=200, blank=True)
    # Some countries have none, see `accounts.postal.required_fields`.
    city = models.CharField(max_length=120, blank=True)
    # A code of `accounts.subdivisions`, or the typed text if it is unknown.
    state = models.CharField(max_length=120, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    country = models.CharField(max_length=2, validators=[validate_country])
    phone = models.CharField(max_length=MAX_PHONE_LENGTH, blank=True, validators=[validate_phone])
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = AddressQuerySet.as_manager()

    # Copied by orders.
    POSTAL_FIELDS = ("name", "company", "tax_id", "line1", "line2", "city", "state", "postal_code", "country", "phone")

    class Meta:
        verbose_name_plural = "addresses"
        constraints = [
            # If two are set concurrently, the second write conflicts and is retried.
            models.UniqueConstraint(
                fields=["user"], condition=models.Q(is_default=True), name="one_default_address_each"
            ),
        ]
        indexes = [models.Index(fields=["user", "-id"], name="address_user")]

    def __str__(self) -> str:
        return f"{self.name}, {self.line1}, {self.city}"
