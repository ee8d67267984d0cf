"""What is done by way of a mail: choosing a new password, proving an address."""

from drf_spectacular.utils import extend_schema
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import logins, services
from accounts.serializers import (
    EmailChangeConfirmSerializer,
    EmailVerificationConfirmSerializer,
    PasswordResetConfirmSerializer,
    PasswordResetSerializer,
)
from shop.api.bodies import BodyValidationMixin
from shop.rate_limits import spend_or_refuse


class LinkViewSet(BodyValidationMixin, viewsets.GenericViewSet):
    """Asking for a link, and following it. Links may be opened anywhere, so following one needs no login."""

    permission_classes = [AllowAny]
    authentication_classes = []
    pagination_class = None
    rate_scopes = {
        "reset_password": "reset",
        "confirm_reset": "link",
        "confirm_email": "link",
        "confirm_change": "link",
    }

    @extend_schema(request=PasswordResetSerializer, responses={202: None})
    @action(detail=False, methods=["post"], url_path="password/reset", serializer_class=PasswordResetSerializer)
    def reset_password(self, request: Request) -> Response:
        """Have a link mailed with which to choose a new password. The reply is the same for any address."""
        account = self.validated()["email"]
        spend_or_refuse("reset_account", account, request=request)
        services.request_password_reset(email=account)
        return Response(status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=PasswordResetConfirmSerializer, responses={204: None})
    @action(
        detail=False,
        methods=["post"],
        url_path="password/reset/confirm",
        serializer_class=PasswordResetConfirmSerializer,
    )
    def confirm_reset(self, request: Request) -> Response:
        """Choose a new password by the link of that mail. Every earlier token stops working.

        The link proves the e-mail address. If it was not proven before, the account is emptied first, because
        somebody else may have opened it: name, phone number, picture, addresses and cart are removed, unpaid orders
        are cancelled, and paid orders and reviews no longer belong to the account. Prove the address to keep them.
        """
        wanted = self.validated()
        services.reset_password(**wanted)
        # Whoever has followed the link may log in from here, however many strangers try to.
        logins.remember(request=request, user=wanted["user"])
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=EmailVerificationConfirmSerializer, responses={204: None})
    @action(
        detail=False,
        methods=["post"],
        url_path="email/verify/confirm",
        serializer_class=EmailVerificationConfirmSerializer,
    )
    def confirm_email(self, request: Request) -> Response:
        """Prove an address by the link of the mail that was sent to it."""
        services.verify_email(**self.validated())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=EmailChangeConfirmSerializer, responses={204: None})
    @action(
        detail=False,
        methods=["post"],
        url_path="email/change/confirm",
        serializer_class=EmailChangeConfirmSerializer,
    )
    def confirm_change(self, request: Request) -> Response:
        """Change the account's e-mail address by the link sent to the new one. Every earlier token stops working."""
        wanted = self.validated()
        services.change_email(**wanted)
        logins.remember(request=request, user=wanted["user"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class VerificationViewSet(viewsets.GenericViewSet):
    permission_classes = [IsAuthenticated]
    pagination_class = None
    rate_scope = "verify"

    @extend_schema(request=None, responses={202: None})
    @action(detail=False, methods=["post"], url_path="email/verify")
    def verify_email(self, request: Request) -> Response:
        """Have a link mailed that proves one's address, unless it is proven."""
        services.send_verification(user=request.user)
        return Response(status=status.HTTP_202_ACCEPTED)
