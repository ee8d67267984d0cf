"""People: the user, the families of refresh tokens, the address book."""

from collections.abc import Iterator
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django_countries import countries

from accounts.passwords import hash_password, normalize_password, spellings
from accounts.phone_numbers import MAX_LENGTH as MAX_PHONE_LENGTH
from accounts.phone_numbers import normalize_phone, validate_phone
from shop import documents
from shop.email_addresses import check_email, normalize_email
from shop.mongodb import TTLIndex

COUNTRY_CODES = frozenset(countries.countries)


def validate_country(code: str) -> None:
    """Raise unless ``code`` is an ISO 3166-1 alpha-2 code in capitals, or ``XK`` for Kosovo."""
    if code not in COUNTRY_CODES:
        raise ValidationError("Enter a two-letter ISO 3166 country code, such as DE.", code="invalid")


class UserQuerySet(models.QuerySet):
    def active(self) -> "UserQuerySet":
        return self.filter(is_active=True)

    def touch(self) -> int:
        """Make the running transaction conflict with one that deletes the account; 0 where it is gone already.

        Whatever is written for a person is written together with this, so that nothing of theirs outlives them.
        """
        return self.update(revision=models.F("revision") + 1)


class UserManager(BaseUserManager.from_queryset(UserQuerySet)):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a user; the e-mail address is kept in its normal form.

        Raises ``ValidationError`` if mail cannot be delivered to it, ``IntegrityError`` if it is taken.
        """
        user = self.model(email=check_email(email), **fields)
        user.set_password(password)
        user.save(force_insert=True, using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, **{"is_staff": True, "is_superuser": True, **fields})

    def get_by_natural_key(self, email: str) -> "User":
        user = documents.find_one(self.model, {"email": {"$eq": normalize_email(email)}})
        if user is None:
            raise self.model.DoesNotExist
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """A person who buys or works here, known by an e-mail address."""

    email = models.EmailField("e-mail address", unique=True)
    name = models.CharField(max_length=120)
    phone = models.CharField(max_length=MAX_PHONE_LENGTH, blank=True, validators=[validate_phone])
    # A name in the default storage; images are verified and named by `shop.media`.
    avatar = models.CharField(max_length=255, blank=True, editable=False)
    email_verified = models.BooleanField(default=False)
    # The address that the account changes to once a link sent there is followed.
    new_email = models.EmailField(blank=True, editable=False)
    is_staff = models.BooleanField("staff", default=False, help_text="May log into this admin.")
    is_active = models.BooleanField("active", default=True, help_text="Switch off instead of deleting.")
    date_joined = models.DateTimeField(default=timezone.now, editable=False)
    # Part of every access token and session of the admin: raising it makes all earlier ones worthless.
    token_version = models.PositiveIntegerField(default=0, editable=False)
    revision = models.PositiveIntegerField(default=0, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    class Meta:
        verbose_name = "person"
        verbose_name_plural = "people"
        indexes = [
            # The unique index is partial and therefore never used for look-ups.
            models.Index(fields=["email"], name="user_email"),
            models.Index(fields=["-date_joined"], name="user_joined"),
        ]

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        super().clean()
        self.email = normalize_email(self.email)
        self.phone = normalize_phone(self.phone)

    def set_password(self, raw_password: str | None) -> None:
        super().set_password(raw_password and normalize_password(raw_password))

    def check_password(self, raw_password: str | None) -> bool:
        """Return whether this is the password; a hash of another kind, cost or Unicode form is replaced.

        Unlike Django's own, which would bring an old password back if another was set since this user was read.
        """

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
        """Return what a session of the admin ends with: the password, and whatever makes all tokens worthless."""
        return f"{super().get_session_auth_hash()}.{self.token_version}"

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        return (f"{each}.{self.token_version}" for each in super().get_session_auth_fallback_hash())

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name.split(" ")[0]


class TokenFamily(models.Model):
    """One login and the refresh tokens that follow from it, of which only the newest is good.

    A refresh is a conditional update of ``current``; a token of this family that is not the current one was used
    before, by its owner or by a thief, and the whole family is deleted.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="token_families")
    # The user's `token_version` when they proved who they are: a login that a change of the password overtook is none.
    version = models.PositiveIntegerField(default=0)
    # The `jti` of the refresh token that may be used next.
    current = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [TTLIndex(fields=["expires_at"], name="token_family_expiry")]

    def __str__(self) -> str:
        return f"login of {self.user_id}"


class KnownNetwork(models.Model):
    """A network from which somebody has logged in (see `accounts.logins`). ``_id`` is a keyed digest of both."""

    id = models.CharField(max_length=64, primary_key=True, db_column="_id")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="known_networks")
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [TTLIndex(fields=["expires_at"], name="known_network_expiry")]

    def __str__(self) -> str:
        return f"network of {self.user_id}"


class AddressQuerySet(models.QuerySet):
    def owned_by(self, user: User) -> "AddressQuerySet":
        return self.filter(user=user)


class Address(models.Model):
    """An entry of a customer's address book."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="addresses")
    name = models.CharField(max_length=120)
    line1 = models.CharField(max_length=200)
    line2 = models.CharField(max_length=200, blank=True)
    city = models.CharField(max_length=120)
    # The code that `accounts.subdivisions` makes of it, or as it was typed.
    state = models.CharField(max_length=120, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    country = models.CharField(max_length=2, validators=[validate_country])
    phone = models.CharField(max_length=MAX_PHONE_LENGTH, blank=True, validators=[validate_phone])
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = AddressQuerySet.as_manager()

    # What an order freezes of an address, in the order in which it is written on a parcel.
    POSTAL_FIELDS = ("name", "line1", "line2", "city", "state", "postal_code", "country", "phone")

    class Meta:
        verbose_name_plural = "addresses"
        constraints = [
            # Of two that become the default at once, the second conflicts and is saved again.
            models.UniqueConstraint(
                fields=["user"], condition=models.Q(is_default=True), name="one_default_address_each"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}, {self.line1}, {self.city}"
