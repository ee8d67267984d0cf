from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from bson import ObjectId
from django.db import models
from rest_framework.exceptions import APIException

from shop.api.error_responses import errors_of

Errors = list[dict[str, Any]]
# Of a row: the results of a call are stored in one document.
MOST_ERRORS = 20


class Status(models.TextChoices):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Row:
    """A valid row; ``index`` is its place in the body."""

    index: int
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """``is_final`` is False if the row may succeed when it is sent again."""

    index: int
    status: Status
    id: str | None = None
    sku: str | None = None
    errors: Errors = field(default_factory=list)
    is_final: bool = True

    def shown(self) -> dict[str, Any]:
        return {
            "index": self.index,
            "status": self.status.value,
            "id": self.id,
            "sku": self.sku,
            "errors": self.errors,
        }

    @classmethod
    def stored(cls, shown: dict[str, Any]) -> "Outcome":
        return cls(**{**shown, "status": Status(shown["status"])})


def done(row: Row, status: Status, *, pk: ObjectId, sku: str | None) -> Outcome:
    return Outcome(row.index, status, str(pk), sku)


def refused(row: Row, error: APIException, *, pk: ObjectId | None = None, is_final: bool = True) -> Outcome:
    return failed(row, errors_of(error), pk=pk, is_final=is_final)


def failed(row: Row, errors: Errors, *, pk: ObjectId | None = None, is_final: bool = True) -> Outcome:
    """``pk`` is that of the object, if it is known."""
    sku = row.data.get("sku") if isinstance(row.data, dict) else None
    shown_sku = sku if isinstance(sku, str) else None
    return Outcome(row.index, Status.ERROR, str(pk) if pk else None, shown_sku, errors[:MOST_ERRORS], is_final)


def fault(code: str, detail: str, attr: str | None = None) -> Errors:
    return [{"code": code, "detail": detail, "attr": attr}]


def reply_of(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """Return the body of the response, in the order of the rows."""
    ordered = sorted(outcomes, key=lambda outcome: outcome.index)
    counts = {status.value: sum(each.status == status for each in ordered) for status in Status}
    counts["failed"] = counts.pop("error")
    return {**counts, "results": [outcome.shown() for outcome in ordered]}
