"""Days as the shop's people count them: in the shop's time zone (``TIME_ZONE``), whatever the browser's is."""

from datetime import date, datetime, time, timedelta, tzinfo

from django.utils import timezone


def zone() -> tzinfo:
    """Return the shop's time zone."""
    return timezone.get_default_timezone()


def today() -> date:
    """Return what day it is in the shop."""
    return timezone.localdate(timezone=zone())


def latest(count: int) -> list[date]:
    """Return the latest so many days, the oldest first, today being the last."""
    return [today() - timedelta(days=ago) for ago in reversed(range(count))]


def beginning(day: date) -> datetime:
    """Return the moment at which a day begins in the shop."""
    return datetime.combine(day, time.min, tzinfo=zone())
