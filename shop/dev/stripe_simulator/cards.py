"""Stripe's test cards and names, and three bank debits.

``pm_usBankAccount_processing`` stays in ``processing`` until ``finish_processing``.
"""

import re
import time
from dataclasses import dataclass
from typing import Any, Literal

from .errors import ApiError, invalid, missing


@dataclass(frozen=True, slots=True)
class Decline:
    code: str
    message: str
    decline_code: str | None = None


@dataclass(frozen=True, slots=True)
class Behaviour:
    number: str
    decline: Decline | None = None
    authentication: bool = False
    dispute: str | None = None
    refund: Literal["at_once", "pending", "fails"] = "at_once"
    settles: Literal["at_once", "succeeds", "fails", "waits"] = "at_once"
    type: Literal["card", "us_bank_account"] = "card"


_DECLINED = "Your card was declined."
GENERIC = Decline("card_declined", _DECLINED, "generic_decline")
FUNDS = Decline("card_declined", "Your card has insufficient funds.", "insufficient_funds")
EXPIRED = Decline("expired_card", "Your card has expired.", "expired_card")
CVC = Decline("incorrect_cvc", "Your card's security code is incorrect.", "incorrect_cvc")
LOST = Decline("card_declined", _DECLINED, "lost_card")
STOLEN = Decline("card_declined", _DECLINED, "stolen_card")
FRAUD = Decline("card_declined", _DECLINED, "fraudulent")
PROCESSING = Decline(
    "processing_error", "An error occurred while processing your card. Try again in a little bit.", "processing_error"
)
NOT_A_TEST_CARD = Decline(
    "card_declined",
    "Your card was declined. Your request was in test mode, but used a non test card. "
    "For a list of valid test cards, visit: https://stripe.com/docs/testing.",
    "test_mode_live_card",
)
AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
    "authentication_required",
)
BANK_FUNDS = Decline(
    "payment_method_provider_decline",
    "The customer's account has insufficient funds to cover this payment.",
    "insufficient_funds",
)

BY_NAME: dict[str, Behaviour] = {
    "pm_card_visa": Behaviour("4242424242424242"),
    "pm_card_visa_debit": Behaviour("4000056655665556"),
    "pm_card_mastercard": Behaviour("5555555555554444"),
    "pm_card_amex": Behaviour("378282246310005"),
    "pm_card_chargeDeclined": Behaviour("4000000000000002", GENERIC),
    "pm_card_chargeDeclinedInsufficientFunds": Behaviour("4000000000009995", FUNDS),
    "pm_card_chargeDeclinedLostCard": Behaviour("4000000000009987", LOST),
    "pm_card_chargeDeclinedStolenCard": Behaviour("4000000000009979", STOLEN),
    "pm_card_chargeDeclinedFraudulent": Behaviour("4100000000000019", FRAUD),
    "pm_card_chargeDeclinedExpiredCard": Behaviour("4000000000000069", EXPIRED),
    "pm_card_chargeDeclinedIncorrectCvc": Behaviour("4000000000000127", CVC),
    "pm_card_chargeDeclinedProcessingError": Behaviour("4000000000000119", PROCESSING),
    "pm_card_chargeCustomerFail": Behaviour("4000000000000341", GENERIC),
    "pm_card_authenticationRequiredOnSetup": Behaviour("4000002500003155", authentication=True),
    "pm_card_authenticationRequired": Behaviour("4000002760003184", authentication=True),
    "pm_card_threeDSecure2Required": Behaviour("4000000000003220", authentication=True),
    "pm_card_threeDSecureRequired": Behaviour("4000000000003063", authentication=True),
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": Behaviour("4000008260003178", FUNDS, True),
    "pm_card_threeDSecureRequiredChargeDeclined": Behaviour("4000008400001629", GENERIC, True),
    "pm_card_createDispute": Behaviour("4000000000000259", dispute="fraudulent"),
    "pm_card_createDisputeProductNotReceived": Behaviour("4000000000002685", dispute="product_not_received"),
    "pm_card_pendingRefund": Behaviour("4000000000007726", refund="pending"),
    "pm_card_refundFail": Behaviour("4000000000005126", refund="fails"),
    "pm_usBankAccount_success": Behaviour("000123456789", settles="succeeds", type="us_bank_account"),
    "pm_usBankAccount_insufficientFunds": Behaviour(
        "000222222227", BANK_FUNDS, settles="fails", type="us_bank_account"
    ),
    "pm_usBankAccount_processing": Behaviour("000000000009", settles="waits", type="us_bank_account"),
}
# Stripe documents both spellings.
BY_NAME |= {name.replace("pm_card_c", "pm_card_visa_c"): b for name, b in BY_NAME.items() if "chargeDeclined" in name}
BY_NUMBER: dict[str, Behaviour] = {each.number: each for each in BY_NAME.values() if each.type == "card"}


def by_name(name: str) -> Behaviour:
    """Raises 400 ``resource_missing``."""
    if name not in BY_NAME:
        raise missing("PaymentMethod", name, param="payment_method", status=400)
    return BY_NAME[name]


def by_number(card: dict[str, Any]) -> Behaviour:
    """Find ``{number, exp_month, exp_year, cvc?}``. Raises 402 for an invalid card."""
    number = re.sub(r"[ -]", "", card["number"])
    if not number.isascii() or not number.isdigit() or not _passes_luhn(number):
        raise _card_error("incorrect_number", "Your card number is incorrect.", "number")
    today = time.gmtime()
    if not 1 <= card["exp_month"] <= 12:
        raise _card_error("invalid_expiry_month", "Your card's expiration month is invalid.", "exp_month")
    year = card["exp_year"] + (2000 if card["exp_year"] < 100 else 0)
    if (year, card["exp_month"]) < (today.tm_year, today.tm_mon):
        which = "year" if year < today.tm_year else "month"
        raise _card_error(f"invalid_expiry_{which}", f"Your card's expiration {which} is invalid.", f"exp_{which}")
    if not re.fullmatch(r"[0-9]{3,4}", card.get("cvc", "123")):
        raise _card_error("invalid_cvc", "Your card's security code is invalid.", "cvc")
    return BY_NUMBER.get(number, Behaviour(number, NOT_A_TEST_CARD))


def _passes_luhn(number: str) -> bool:
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(number))]
    return len(number) >= 12 and sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0


def _card_error(code: str, message: str, param: str) -> ApiError:
    return ApiError(402, message, error_type="card_error", code=code, param=param)


def require_type(name: str) -> None:
    if name != "card":
        raise invalid(f"The simulator takes only cards here, not '{name}'.", param="payment_method_data[type]")


def describe(behaviour: Behaviour) -> dict[str, Any]:
    last4 = behaviour.number[-4:]
    if behaviour.type == "us_bank_account":
        return {"us_bank_account": {"bank_name": "STRIPE TEST BANK", "last4": last4, "account_type": "checking"}}
    brand = {"5": "mastercard", "3": "amex"}.get(behaviour.number[0], "visa")
    return {
        "card": {
            "brand": brand,
            "country": "US",
            "exp_month": 12,
            "exp_year": time.gmtime().tm_year + 3,
            "fingerprint": f"sim{behaviour.number[:6]}{last4}",
            "funding": "credit",
            "last4": last4,
        }
    }
