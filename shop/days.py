"""Days in ``TIME_ZONE``."""

from datetime import date, datetime, time, timedelta, tzinfo

from django.utils import timezone


def zone() -> tzinfo:
    return timezone.get_default_timezone()


def today() -> date:
    return timezone.localdate(timezone=zone())


def latest(count: int) -> list[date]:
    """Return days up to today, oldest first."""
    return [today() - timedelta(days=ago) for ago in reversed(range(count))]


def beginning(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=zone())
