from typing import Any

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts import address_book, examples, hooks, services, tokens
from accounts.authentication import UserRequest
from accounts.errors import (
    AddressBookFull,
    EmailTaken,
    InvalidCode,
    InvalidCredentials,
    InvalidRefreshToken,
    SecondFactorMissing,
    SecondFactorRequired,
    UnknownState,
    WrongPassword,
)
from accounts.export import export
from accounts.models import Address, User
from accounts.passwords import PASSWORD_CODES
from accounts.serializers import (
    AddressSerializer,
    AvatarSerializer,
    EmailChangeSerializer,
    ExportSerializer,
    LoginReplySerializer,
    LoginSerializer,
    PasswordChangeSerializer,
    RefreshSerializer,
    RegisterSerializer,
    TokenPairSerializer,
    UserSerializer,
)
from accounts.tokens import TokenPair
from shop.api.bodies import BodyValidationMixin
from shop.api.permissions import HasAccount
from shop.api.rate_limits import ip_address_of, throttle
from shop.api.renderers import JSONRenderer
from shop.api.serializing import represent
from shop.api.streaming import reply_in_pieces
from shop.http.addresses import base_url
from shop.media import InvalidImage

CART_TOKEN_HEADER = "X-Cart-Token"  # noqa: S105
CART_TOKEN = OpenApiParameter(
    CART_TOKEN_HEADER, str, OpenApiParameter.HEADER, description="A guest's cart, to be merged into the account's."
)


def cart_token_of(request: Request) -> str:
    """Return the guest's token, or ""."""
    return request.headers.get(CART_TOKEN_HEADER, "")


class AuthViewSet(BodyValidationMixin, viewsets.GenericViewSet):
    """Registration, login, token refresh and logout."""

    permission_classes = [AllowAny]
    authentication_classes = []
    pagination_class = None
    operation_ids = {"register": "register", "login": "logIn", "refresh": "refreshTokens", "logout": "logOut"}
    rate_scopes = {"register": "register", "login": "login", "refresh": "refresh", "logout": "refresh"}
    errors = {
        "register": [EmailTaken, *PASSWORD_CODES],
        "login": [InvalidCredentials, InvalidCode, SecondFactorMissing, SecondFactorRequired],
        "refresh": [InvalidRefreshToken],
        "logout": [InvalidRefreshToken],
    }

    @extend_schema(
        parameters=[CART_TOKEN],
        request=RegisterSerializer,
        responses={201: LoginReplySerializer},
        examples=[examples.REGISTER_BODY, examples.LOGIN_REPLY],
    )
    @action(detail=False, methods=["post"], serializer_class=RegisterSerializer)
    def register(self, request: Request) -> Response:
        """Create an account and log in. The guest cart of `X-Cart-Token` is merged into the account's cart."""
        wanted, ip_address = self.validated(), ip_address_of(request)
        throttle("register_account", wanted["email"], ip_address=ip_address)
        user, pair = services.register(**wanted, ip_address=ip_address, cart_token=cart_token_of(request))
        return self.login_response(user, pair, status.HTTP_201_CREATED)

    @extend_schema(
        parameters=[CART_TOKEN],
        request=LoginSerializer,
        responses=LoginReplySerializer,
        examples=[examples.LOGIN_BODY, examples.LOGIN_REPLY],
    )
    @action(detail=False, methods=["post"], serializer_class=LoginSerializer)
    def login(self, request: Request) -> Response:
        """Log in. The guest cart of `X-Cart-Token` is merged into the account's cart."""
        wanted, ip_address = self.validated(), ip_address_of(request)
        user, pair = services.log_in(**wanted, ip_address=ip_address, cart_token=cart_token_of(request))
        return self.login_response(user, pair, status.HTTP_200_OK)

    @extend_schema(request=RefreshSerializer, responses=TokenPairSerializer)
    @action(detail=False, methods=["post"], serializer_class=RefreshSerializer)
    def refresh(self, request: Request) -> Response:
        """Exchange a refresh token for a new pair. Reuse revokes the whole login."""
        return Response(tokens.rotate(self.validated()["refresh"]))

    @extend_schema(request=RefreshSerializer, responses={204: None})
    @action(detail=False, methods=["post"], serializer_class=RefreshSerializer)
    def logout(self, request: Request) -> Response:
        """Revoke the login of this refresh token."""
        tokens.revoke(self.validated()["refresh"])
        return Response(status=status.HTTP_204_NO_CONTENT)

    def get_authenticate_header(self, request: Request) -> str:
        # Without it REST framework would turn a 401 into a 403.
        return 'Bearer realm="api"'

    def login_response(self, user: User, pair: TokenPair, status_code: int) -> Response:
        profile = represent(UserSerializer, user, context=self.get_serializer_context())
        return Response({**pair, "user": profile}, status=status_code)


class SessionViewSet(BodyValidationMixin, viewsets.GenericViewSet):
    """Logout everywhere, password and e-mail changes, verification."""

    request: UserRequest
    permission_classes = [HasAccount]
    pagination_class = None
    operation_ids = {
        "logout_all": "logOutEverywhere",
        "change_password": "changePassword",
        "change_email": "requestEmailChange",
        "verify_email": "requestEmailVerification",
    }
    # Guessing the password with a stolen token must not block the owner's logout-all.
    rate_scopes = {
        "logout_all": "logout_all",
        "change_password": "password",
        "change_email": "password",
        "verify_email": "verify",
    }
    errors = {"change_password": [WrongPassword, *PASSWORD_CODES], "change_email": [WrongPassword, "unchanged"]}

    @extend_schema(request=None, responses={204: None})
    @action(detail=False, methods=["post"], url_path="logout-all")
    def logout_all(self, request: UserRequest) -> Response:
        """Revoke all tokens of the account, including this one, and admin sessions."""
        tokens.revoke_all(request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=PasswordChangeSerializer, responses={204: None})
    @action(detail=False, methods=["post"], url_path="password/change", serializer_class=PasswordChangeSerializer)
    def change_password(self, request: UserRequest) -> Response:
        """Change the password. All earlier tokens are revoked."""
        services.change_password(user=request.user, **self.validated())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=EmailChangeSerializer, responses={202: None})
    @action(detail=False, methods=["post"], url_path="email/change", serializer_class=EmailChangeSerializer)
    def change_email(self, request: UserRequest) -> Response:
        """Send a confirmation link to a new e-mail address. The address changes when the link is confirmed.

        The current address gets a warning. If another account has the new address, the response is the same, but no
        link is sent. A password change invalidates the link.
        """
        services.request_email_change(user=request.user, **self.validated())
        return Response(status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses={202: None})
    @action(detail=False, methods=["post"], url_path="email/verify")
    def verify_email(self, request: UserRequest) -> Response:
        """Send a verification link, unless the address is verified."""
        services.send_verification(user=request.user)
        return Response(status=status.HTTP_202_ACCEPTED)


class ProfileViewSet(BodyValidationMixin, viewsets.GenericViewSet):
    """The authenticated user's account."""

    request: UserRequest
    singleton = True
    serializer_class = UserSerializer
    pagination_class = None
    operation_ids = {
        "retrieve": "getMe",
        "partial_update": "updateMe",
        "destroy": "deleteMe",
        "export": "exportMyData",
        "avatar": "setAvatar",
        "remove_avatar": "removeAvatar",
    }
    rate_scopes = {"avatar": "upload", "export": "export"}
    errors = {
        "partial_update": ["email_not_changed"],
        "destroy": [hooks.before_deletion],
        "avatar": InvalidImage.codes,
    }

    def get_object(self) -> User:
        return self.request.user

    def retrieve(self, request: UserRequest) -> Response:
        """Return the authenticated user's account."""
        return Response(self.get_serializer(request.user).data)

    def partial_update(self, request: UserRequest) -> Response:
        """Change name or phone number. Changing `email` is refused: see `POST /auth/email/change/`."""
        serializer = self.get_serializer(request.user, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        services.change_profile(user=request.user, fields=serializer.validated_data)
        return Response(self.get_serializer(request.user).data)

    def destroy(self, request: UserRequest) -> Response:
        """Delete the account. Orders are kept anonymized."""
        services.delete_account(user=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=ExportSerializer)
    @action(detail=False, methods=["get"])
    def export(self, request: UserRequest) -> HttpResponseBase:
        """Download all data stored about the account as JSON.

        It also contains `cart`, `coupon_uses`, `orders` with lines, timelines, refunds and invoices, and `payments`.
        An order takes about 2 KB; thousands of orders take some seconds.
        """
        name = f"account-{timezone.now():%Y-%m-%d}.json"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
        pieces = export(user=request.user, base_url=base_url(request))
        return reply_in_pieces(pieces, content_type=JSONRenderer.media_type, headers=headers)

    @extend_schema(request=AvatarSerializer, responses=UserSerializer)
    @action(detail=False, methods=["put"], parser_classes=[MultiPartParser])
    def avatar(self, request: UserRequest) -> Response:
        """Upload a profile picture (JPEG, PNG or WebP)."""
        services.set_avatar(user=request.user, image=self.validated(AvatarSerializer)["image"])
        return Response(self.get_serializer(request.user).data)

    @extend_schema(request=None, responses={200: UserSerializer})
    @avatar.mapping.delete
    def remove_avatar(self, request: UserRequest) -> Response:
        """Remove the profile picture."""
        services.set_avatar(user=request.user, image=None)
        return Response(self.get_serializer(request.user).data)


@extend_schema_view(
    list=extend_schema(summary="List the address book", description="Newest first."),
    create=extend_schema(
        summary="Add an address",
        description="The first address becomes the default one, as does a later one with `is_default`.",
        examples=[examples.ADDRESS_BODY, examples.ADDRESS_REPLY],
    ),
    retrieve=extend_schema(summary="Return an address", description="An address of the account's address book."),
    update=extend_schema(summary="Replace an address", description="Orders that were placed with it keep the old one."),
    partial_update=extend_schema(
        summary="Change fields of an address", description="Orders that were placed with it keep the old one."
    ),
    destroy=extend_schema(summary="Delete an address", description="Orders that were placed with it keep it."),
)
class AddressViewSet(viewsets.ModelViewSet):
    """The authenticated user's address book."""

    request: UserRequest
    serializer_class = AddressSerializer
    queryset = Address.objects.none()
    operation_ids = {
        "list": "listAddresses",
        "create": "createAddress",
        "retrieve": "getAddress",
        "update": "replaceAddress",
        "partial_update": "updateAddress",
        "destroy": "deleteAddress",
    }
    rate_scopes = {"create": "address"}
    errors = {
        "list": [ValidationError],
        "create": [AddressBookFull, UnknownState],
        "update": [UnknownState],
        "partial_update": [UnknownState],
    }
    lookup_value_regex = "[0-9a-f]{24}"

    def get_queryset(self) -> QuerySet[Address]:
        if not self.request.user.is_authenticated:
            return Address.objects.none()
        return Address.objects.owned_by(self.request.user)

    def perform_create(self, serializer: BaseSerializer) -> None:
        serializer.instance = address_book.add_address(user=self.request.user, fields=serializer.validated_data)

    def perform_update(self, serializer: BaseSerializer) -> None:
        instance: Any = serializer.instance
        serializer.instance = address_book.change_address(
            user=self.request.user, address=instance, fields=serializer.validated_data
        )

    def perform_destroy(self, instance: Address) -> None:
        address_book.delete_address(user=self.request.user, address=instance)
