from datetime import UTC, datetime

from django.core.exceptions import ValidationError

# Others overflow in time zones or calculations.
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def validate_time(time: datetime) -> None:
    if not EARLIEST <= time <= LATEST:
        raise ValidationError(f"Must be in a year from {EARLIEST.year} to {LATEST.year}.", code="out_of_range")
