from drf_spectacular.utils import extend_schema
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import logins, services
from accounts.errors import InvalidLink
from accounts.passwords import PASSWORD_CODES
from accounts.serializers import (
    EmailChangeConfirmSerializer,
    EmailVerificationConfirmSerializer,
    PasswordResetConfirmSerializer,
    PasswordResetSerializer,
)
from shop.api.bodies import BodyValidationMixin
from shop.api.rate_limits import ip_address_of, throttle


class LinkViewSet(BodyValidationMixin, viewsets.GenericViewSet):
    """Request and confirm links in mails. Confirming needs no login."""

    permission_classes = [AllowAny]
    authentication_classes = []
    pagination_class = None
    rate_scopes = {
        "reset_password": "reset",
        "confirm_reset": "link",
        "confirm_email": "link",
        "confirm_change": "link",
    }
    operation_ids = {
        "reset_password": "requestPasswordReset",
        "confirm_reset": "resetPassword",
        "confirm_email": "verifyEmail",
        "confirm_change": "confirmEmailChange",
    }
    errors = {
        "confirm_reset": [InvalidLink, *PASSWORD_CODES],
        "confirm_email": [InvalidLink],
        "confirm_change": [InvalidLink],
    }

    @extend_schema(request=PasswordResetSerializer, responses={202: None})
    @action(detail=False, methods=["post"], url_path="password/reset", serializer_class=PasswordResetSerializer)
    def reset_password(self, request: Request) -> Response:
        """Send a password-reset link. The response is the same for any address."""
        account = self.validated()["email"]
        throttle("reset_account", account, ip_address=ip_address_of(request))
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
        """Set a new password with a reset link's token. All earlier tokens are revoked.

        The link also verifies the e-mail address. If it was unverified, another person may have opened the account:
        name, phone number, picture, addresses and cart are removed, unpaid orders cancelled, paid orders and reviews
        detached. Verify the address first to keep them.
        """
        wanted = self.validated()
        user = services.reset_password(**wanted)
        # Counts as a login from this network.
        logins.record_network(user=user, ip_address=ip_address_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=EmailVerificationConfirmSerializer, responses={204: None})
    @action(
        detail=False,
        methods=["post"],
        url_path="email/verify/confirm",
        serializer_class=EmailVerificationConfirmSerializer,
    )
    def confirm_email(self, request: Request) -> Response:
        """Verify an e-mail address with a link's token."""
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
        """Change the e-mail address with the token sent to the new one. All earlier tokens are revoked."""
        wanted = self.validated()
        services.change_email(**wanted)
        logins.record_network(user=wanted["user"], ip_address=ip_address_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
