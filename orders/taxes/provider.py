"""Taxes of a provider: a function that `settings.TAX_PROVIDER` names, see docs/shipping-and-tax.md."""

from decimal import Decimal

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from accounts.errors import UnknownState
from orders import hooks
from orders.errors import InvalidTaxAddress, TaxUnavailable
from orders.taxes.calculation import TaxAmount, TaxBasis, Taxes
from orders.taxes.models import MAX_LABEL
from shop import money
from shop.db.deadline import external_call, external_seconds
from shop.db.transactions import in_transaction
from shop.http.circuit import Circuit
from shop.logs import describe_error

logger = structlog.get_logger(__name__)

# While the provider is down, one request probes it; others fail fast.
circuit = Circuit(TaxUnavailable, service="taxes")

# Raised by providers for the address of a shopper; the provider itself works.
ADDRESS_ERRORS = (UnknownState, InvalidTaxAddress)
RATE_STEP = Decimal("0.001")


class InvalidTaxes(Exception):
    """The provider's answer does not fit the basis."""


def register() -> None:
    if not settings.TAX_PROVIDER:
        return
    try:
        hooks.calculate_tax.register(import_string(settings.TAX_PROVIDER))
    except ImportError as error:
        raise ImproperlyConfigured(f"TAX_PROVIDER names no function: {error}") from error


def is_registered() -> bool:
    return hooks.calculate_tax.is_registered


def calculate(basis: TaxBasis) -> Taxes:
    """Call it outside transactions. Raises ``TaxUnavailable``, ``UnknownState`` and ``InvalidTaxAddress``."""
    if in_transaction():
        raise RuntimeError("A tax provider must not be called inside a transaction, which would hold locks.")
    if external_seconds() > settings.TAX_PROVIDER_SECONDS:
        # A second slow call would exceed the request's time limit.
        raise TaxUnavailable
    with circuit.admit(), external_call():
        try:
            (taxes,) = hooks.calculate_tax(basis=basis, timeout=settings.TAX_PROVIDER_SECONDS)
            _check(taxes, basis)
        except ADDRESS_ERRORS:
            raise
        except Exception as error:
            circuit.record_failure()
            logger.warning("tax_provider_failed", error=describe_error(error))
            raise TaxUnavailable from error
    return taxes


def _check(taxes: Taxes, basis: TaxBasis) -> None:
    if len(taxes.lines) != len(basis.lines):
        raise InvalidTaxes
    taxed = [(line.amount, amounts) for line, amounts in zip(basis.lines, taxes.lines, strict=True)]
    for amount, taxes_on_it in [*taxed, (basis.shipping, taxes.shipping)]:
        if any(not _is_valid(each) for each in taxes_on_it) or sum(each.amount for each in taxes_on_it) > amount:
            raise InvalidTaxes


def _is_valid(each: TaxAmount) -> bool:
    is_named = 0 < len(each.label) <= MAX_LABEL
    is_rate = isinstance(each.rate, Decimal | int) and 0 <= each.rate <= 100 and each.rate % RATE_STEP == 0
    return is_named and is_rate and each.amount >= 0 and each.amount == money.round_to_step(each.amount)
