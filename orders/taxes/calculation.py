from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from bson import ObjectId

from orders.taxes.models import TaxLine, TaxRate
from shop import money

DEFAULT_LABEL = "Tax"


@dataclass(frozen=True)
class TaxedLine:
    """``amount`` is after discounts, with its tax if prices include it."""

    variant: ObjectId
    sku: str
    quantity: int
    tax_class: str
    amount: Decimal


@dataclass(frozen=True)
class TaxBasis:
    """All that taxes are calculated from. The place is the destination, or that of the pick-up."""

    country: str
    state: str
    postal_code: str
    city: str
    line1: str
    lines: tuple[TaxedLine, ...]
    shipping: Decimal
    currency: str
    prices_include_tax: bool


@dataclass(frozen=True)
class TaxAmount:
    """One tax on a line or on shipping; ``rate`` is in per cent."""

    label: str
    rate: Decimal
    amount: Decimal


@dataclass(frozen=True)
class Taxes:
    """``lines`` are in the order of the basis."""

    lines: Sequence[Sequence[TaxAmount]]
    shipping: Sequence[TaxAmount] = ()

    @property
    def total(self) -> Decimal:
        return sum((each.amount for each in self._all()), money.quantize(money.ZERO))

    @property
    def by_rate(self) -> list[TaxLine]:
        """Return one line for each label and rate, the highest rate first."""
        sums: dict[tuple[str, Decimal], Decimal] = {}
        for each in self._all():
            key = (each.label, Decimal(each.rate).normalize())
            sums[key] = sums.get(key, money.quantize(money.ZERO)) + each.amount
        ordered = sorted(sums.items(), key=lambda item: (-item[0][1], item[0][0]))
        return [TaxLine(label=label, rate=rate, amount=amount) for (label, rate), amount in ordered]

    def of_line(self, number: int) -> tuple[Decimal, Decimal]:
        """Return the rate and the tax of a line."""
        amounts = self.lines[number]
        rate = sum((each.rate for each in amounts), money.ZERO)
        return rate, sum((each.amount for each in amounts), money.quantize(money.ZERO))

    def _all(self) -> Iterable[TaxAmount]:
        return [*(each for line in self.lines for each in line), *self.shipping]


def by_table(basis: TaxBasis, rates: Sequence[TaxRate | None]) -> Taxes:
    """``rates`` are those of the lines. Shipping has the highest of those that apply to it."""
    is_included = basis.prices_include_tax
    lines = [_amounts(line.amount, rate, is_included) for line, rate in zip(basis.lines, rates, strict=True)]
    on_shipping = max(
        (rate for rate in rates if rate is not None and rate.applies_to_shipping),
        key=lambda rate: rate.rate,
        default=None,
    )
    return Taxes(lines=lines, shipping=_amounts(basis.shipping, on_shipping, is_included))


def _amounts(amount: Decimal, rate: TaxRate | None, is_included: bool) -> list[TaxAmount]:
    """Return the tax, part of ``amount`` if it is included, rounded half-up."""
    if rate is None:
        return []
    base = 100 + rate.rate if is_included else Decimal(100)
    # Divide last: a rounded share could miss half a cent.
    tax = money.round_to_step(amount * rate.rate / base)
    return [TaxAmount(rate.label or DEFAULT_LABEL, rate.rate, tax)]
