from rest_framework import status
from rest_framework.exceptions import AuthenticationFailed

from shop.api.errors import ShopError


class InvalidCredentials(AuthenticationFailed):
    """The response does not reveal which was wrong."""

    default_code = "invalid_credentials"
    default_detail = "No active account has this e-mail address and password."


class AccountGone(AuthenticationFailed):
    """Deleted, or its tokens revoked."""

    default_code = "user_not_found"
    default_detail = "No active account belongs to this token."


class InvalidRefreshToken(AuthenticationFailed):
    default_code = "token_not_valid"
    default_detail = "This refresh token is not valid. Log in again."


class EmailTaken(ShopError):
    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "email_taken"
    default_detail = "An account with this e-mail address exists already."


class WrongPassword(ShopError):
    default_code = "wrong_password"
    default_detail = "The old password is not right."


class AddressBookFull(ShopError):
    default_code = "address_book_full"
    default_detail = "The address book holds as many addresses as it can."


class UnknownState(ShopError):
    """The country is taxed by state."""

    default_code = "unknown_state"
    default_detail = "Give a state of this country, by its name or its ISO 3166-2 code."


class InvalidLink(ShopError):
    """The response does not reveal the reason."""

    default_code = "invalid_token"
    default_detail = "This link is not valid any more. Ask for a new one."
