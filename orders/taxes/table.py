from collections.abc import Iterable, Sequence

from accounts.subdivisions import lineage
from catalog.tax_classes import TaxClass
from orders.taxes.models import TaxRate


class TaxTable:
    """Rates of the shop."""

    def __init__(self, rates: Iterable[TaxRate]) -> None:
        self._rates = {(rate.country, rate.state, rate.tax_class): rate for rate in rates}
        self._by_state = {country for country, state, _ in self._rates if state}

    def is_by_state(self, country: str) -> bool:
        return country in self._by_state

    def rates(self, country: str, state: str, classes: Iterable[str]) -> list[TaxRate | None]:
        """Return the rate of each tax class in a place."""
        places = [*lineage(country, state), ""]
        return [self._rate(country, places, tax_class) for tax_class in classes]

    def _rate(self, country: str, places: Sequence[str], tax_class: str) -> TaxRate | None:
        fallback = () if tax_class == TaxClass.ZERO else (TaxClass.STANDARD.value,)
        for state in places:
            for wanted in dict.fromkeys((tax_class, *fallback)):
                if rate := self._rates.get((country, state, wanted)):
                    return rate
        return None
