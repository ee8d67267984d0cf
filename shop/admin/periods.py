"""The period of the dashboard, in days of the shop's time zone. It is in the page's address."""

from dataclasses import asdict, dataclass
from datetime import date, timedelta

from django import forms
from django.http import QueryDict

from shop import days

MOST_DAYS = 366
DEFAULT = "30"
CUSTOM = "custom"


@dataclass(frozen=True)
class Period:
    """Both days are included."""

    first: date
    last: date

    @property
    def length(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def before(self) -> "Period":
        """Return the period of the same length that ends before this one."""
        return Period(self.first - timedelta(days=self.length), self.first - timedelta(days=1))


class PeriodForm(forms.Form):
    """The days of a custom period."""

    first = forms.DateField(label="From", widget=forms.DateInput(attrs={"type": "date", "class": "shop-input"}))
    last = forms.DateField(label="To", widget=forms.DateInput(attrs={"type": "date", "class": "shop-input"}))

    def clean(self) -> dict[str, date]:
        super().clean()
        cleaned = self.cleaned_data
        if len(cleaned) == 2:
            length = (cleaned["last"] - cleaned["first"]).days + 1
            if length < 1:
                self.add_error("last", "This day is before the first.")
            elif length > MOST_DAYS:
                self.add_error("last", f"Choose at most {MOST_DAYS} days.")
            elif cleaned["first"].year < 1970:
                self.add_error("first", "This day is too early.")
        return cleaned


@dataclass(frozen=True)
class Choice:
    key: str
    label: str
    is_chosen: bool


@dataclass(frozen=True)
class ChosenPeriod:
    period: Period
    choices: list[Choice]
    form: PeriodForm


def chosen_period(query: QueryDict) -> ChosenPeriod:
    """Read ``period``, and of a custom one ``first`` and ``last``; what is invalid is the default."""
    today = days.today()
    known = {
        "today": ("Today", Period(today, today)),
        "yesterday": ("Yesterday", Period(today - timedelta(days=1), today - timedelta(days=1))),
        **{str(count): (f"{count} days", Period(today - timedelta(days=count - 1), today)) for count in (7, 30, 90)},
        "month": ("This month", Period(today.replace(day=1), today)),
    }
    key = query.get("period", DEFAULT)
    is_custom = key == CUSTOM
    _, period = known.get(key, known[DEFAULT])
    form = PeriodForm(query if is_custom else None, initial=asdict(period))
    if is_custom and form.is_valid():
        period = Period(**form.cleaned_data)
    chosen = key if key in known or is_custom else DEFAULT
    choices = [Choice(each, label, each == chosen) for each, (label, _) in known.items()]
    return ChosenPeriod(period, choices, form)
