"""Two-factor login of staff: time-based codes (RFC 6238) and recovery codes."""

import hmac
import re
import secrets
import time

import pyotp
from django.conf import settings
from django.db import IntegrityError
from django.utils.crypto import salted_hmac

from accounts import tokens
from accounts.errors import InvalidCode, SecondFactorMissing, SecondFactorRequired
from accounts.models import User
from accounts.staff.models import SecondFactor
from shop.api.rate_limits import throttle
from shop.audit import staff_log
from shop.audit.staff_log import Action
from shop.db import documents
from shop.db.transactions import transactional

STEP_SECONDS = 30
RECOVERY_CODES = 10
_ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"


def factor_of(user: User) -> SecondFactor | None:
    return documents.find_one(SecondFactor, {"user_id": user.pk})


def new_secret() -> str:
    return pyotp.random_base32()


def provisioning_uri(user: User, secret: str, *, issuer: str) -> str:
    """Return the ``otpauth:`` address that an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=issuer)


def require_code(*, user: User, code: str) -> None:
    """Check the code of a member of staff who logs in.

    Raises ``SecondFactorRequired`` without a code, ``SecondFactorMissing``, ``InvalidCode``, ``Throttled``.
    """
    factor = factor_of(user)
    if factor is None:
        if settings.ADMIN_REQUIRE_TWO_FACTOR:
            raise SecondFactorMissing
        return
    if not code:
        raise SecondFactorRequired
    use_code(user=user, factor=factor, code=code)


def use_code(*, user: User, factor: SecondFactor, code: str) -> None:
    """Use up a code of the app or a recovery code. Raises ``InvalidCode`` and ``Throttled``."""
    throttle("second_factor", f"user {user.pk}")
    typed = re.sub(r"[\s-]", "", code).lower()
    if not (_use_step(factor, typed) or _use_recovery_code(user, factor, typed)):
        raise InvalidCode


@transactional("accounts.add_second_factor")
def add(*, user: User, secret: str, code: str) -> list[str]:
    """Return the recovery codes, of which only digests are kept. All earlier logins are revoked.

    Raises ``InvalidCode``, also if the account already has a second factor, and ``Throttled``.
    """
    throttle("second_factor", f"user {user.pk}")
    step = matching_step(secret, re.sub(r"\s", "", code))
    if step is None:
        raise InvalidCode
    codes = _new_codes()
    try:
        SecondFactor(
            user=user, secret=secret, last_step=step, recovery_codes=[_digest(user, each) for each in codes]
        ).save(force_insert=True)
    except IntegrityError as error:
        raise InvalidCode("This account already has two-factor login.") from error
    tokens.revoke_all(user)
    # Django renews the session's auth hash from this.
    user.refresh_from_db(fields=["token_version"])
    staff_log.record(Action.CHANGE, user, fields=["second_factor"])
    return codes


@transactional("accounts.renew_recovery_codes")
def renew_recovery_codes(*, user: User) -> list[str]:
    """Return new recovery codes; the earlier ones stop working."""
    codes = _new_codes()
    SecondFactor.objects.filter(user=user).update(recovery_codes=[_digest(user, each) for each in codes])
    staff_log.record(Action.CHANGE, user, fields=["recovery_codes"])
    return codes


@transactional("accounts.remove_second_factor")
def remove(*, user: User) -> bool:
    """Return whether there was one."""
    deleted, _ = SecondFactor.objects.filter(user=user).delete()
    if deleted:
        staff_log.record(Action.CHANGE, user, fields=["second_factor"])
    return bool(deleted)


def matching_step(secret: str, code: str) -> int | None:
    """Return the time step of the code, which may be one step early or late."""
    if not re.fullmatch(r"[0-9]{6}", code):
        return None
    current, totp = int(time.time()) // STEP_SECONDS, pyotp.TOTP(secret)
    for step in (current, current - 1, current + 1):
        if hmac.compare_digest(totp.at(step * STEP_SECONDS), code):
            return step
    return None


def _use_step(factor: SecondFactor, code: str) -> bool:
    step = matching_step(factor.secret, code)
    if step is None:
        return False
    unused = SecondFactor.objects.filter(pk=factor.pk, last_step__lt=step)
    return bool(unused.update(last_step=step))


def _use_recovery_code(user: User, factor: SecondFactor, code: str) -> bool:
    digest = _digest(user, code)
    return bool(
        documents.update_one(
            SecondFactor, {"_id": factor.pk, "recovery_codes": digest}, {"$pull": {"recovery_codes": digest}}
        )
    )


def _new_codes() -> list[str]:
    # 49 bits each: too many to guess from a digest that is keyed.
    letters = ["".join(secrets.choice(_ALPHABET) for _ in range(10)) for _ in range(RECOVERY_CODES)]
    return [f"{each[:5]}-{each[5:]}" for each in letters]


def _digest(user: User, code: str) -> str:
    return salted_hmac("accounts.recovery_code", f"{user.pk}\0{code.replace('-', '')}", algorithm="sha256").hexdigest()
