from rest_framework.exceptions import AuthenticationFailed

from shop.api.errors import Conflict, ShopError


class InvalidCredentials(AuthenticationFailed):
    """Wrong e-mail address or password; the response does not reveal which."""

    default_code = "invalid_credentials"
    default_detail = "Incorrect e-mail or password."


class SecondFactorRequired(AuthenticationFailed):
    """The password is correct, and the account has two-factor login."""

    default_code = "second_factor_required"
    default_detail = "Enter the code of your authenticator app."


class InvalidCode(AuthenticationFailed):
    default_code = "invalid_code"
    default_detail = "This code is incorrect or was already used."


class SecondFactorMissing(AuthenticationFailed):
    """Staff need two-factor login, and this account has none."""

    default_code = "second_factor_missing"
    default_detail = "Set up two-factor login in the admin first."


class AccountGone(AuthenticationFailed):
    """The account was deleted, or its tokens were revoked."""

    default_code = "user_not_found"
    default_detail = "No active account belongs to this token."


class InvalidRefreshToken(AuthenticationFailed):
    default_code = "token_not_valid"
    default_detail = "This refresh token is invalid. Log in again."


class EmailTaken(ShopError):
    default_code = "email_taken"
    default_detail = "An account with this e-mail address already exists."


class WrongPassword(ShopError):
    default_code = "wrong_password"
    default_detail = "The old password is incorrect."


class OwnAccount(ShopError):
    default_code = "own_account"
    default_detail = "You cannot deactivate your own account."


class AddressBookFull(ShopError):
    default_code = "address_book_full"
    default_detail = "The address book is full."


class UnknownState(ShopError):
    """The country is taxed by state, and this is no known one."""

    default_code = "unknown_state"
    default_detail = "Unknown state. Enter its name or ISO 3166-2 code."


class InvalidLink(ShopError):
    """The response does not reveal the reason."""

    default_code = "invalid_token"
    default_detail = "This link is no longer valid. Request a new one."


class AlreadyStaff(ShopError):
    default_code = "already_staff"
    default_detail = "This account is already a member of staff."


class TooManyNotes(Conflict):
    default_code = "too_many_notes"
    default_detail = "This customer has the maximum number of notes."


class NoteNotOwn(Conflict):
    default_code = "note_not_own"
    default_detail = "This note was deleted, or another member of staff wrote it."
