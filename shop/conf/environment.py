import json
import re
from collections.abc import Callable, Iterable
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email
from pymongo.errors import InvalidURI, PyMongoError
from pymongo.uri_parser import parse_uri

_WEAK = ("change", "example", "secret-key", "insecure", "development-only", "password", "your-")


class SettingsChecks:
    """Collects problems; with ``enforced=False`` (development), only unusable values."""

    def __init__(self) -> None:
        self.enforced = True
        self.problems: list[str] = []

    def report_unusable(self, problem: str) -> None:
        """Also report in development."""
        self.problems.append(problem)

    def _report(self, problem: str) -> None:
        if self.enforced:
            self.problems.append(problem)

    def require(self, fulfilled: object, problem: str) -> None:
        if not fulfilled:
            self._report(problem)

    def strong_secret(self, name: str, value: str, *, at_least: int) -> None:
        """Require a long, varied secret."""
        if not value:
            self._report(f"{name} is not set: it needs {at_least} or more random characters.")
        elif len(value) < at_least:
            self._report(f"{name} is too short: it has {len(value)} characters and needs at least {at_least}.")
        elif len(set(value)) < 10 or any(word in value.lower() for word in _WEAK):
            self._report(f"{name} is weak: use random characters, e.g. from `openssl rand -base64 48`.")

    def prefixed(self, name: str, value: str, prefixes: tuple[str, ...]) -> None:
        """Accept several keys, separated by commas."""
        if not value:
            self._report(f"{name} is not set: copy it from the Stripe dashboard.")
            return
        for part in value.split(","):
            if not part.strip().startswith(prefixes) or part.strip().endswith("_simulator"):
                self._report(f"{name} is not a real Stripe key: it must start with {' or '.join(prefixes)}.")

    def https_url(self, name: str, value: str, *, purpose: str) -> None:
        parts = urlsplit(value)
        if parts.scheme != "https" or not parts.hostname:
            self._report(f"{name} must be an https:// address: {purpose}.")

    def mail_address(self, name: str, value: str) -> None:
        """Accept ``Shop <shop@example.com>``."""
        try:
            validate_email(parseaddr(value)[1] if value.isprintable() else "")
        except ValidationError:
            self.report_unusable(f"{name} must be a mail address such as 'Shop <shop@example.com>', not {value!r}.")

    def replica_set(self, name: str, uri: str) -> str:
        """Return the database's name. Applies to development, too."""
        if uri.startswith("mongodb+srv://"):
            # Its DNS record names the replica set.
            return urlsplit(uri).path.strip("/") or "shop"
        try:
            parsed = parse_uri(uri)
        except (InvalidURI, PyMongoError, ValueError):
            # The driver's message may contain a password.
            self.problems.append(
                f"{name} is not a MongoDB address: it must be mongodb://HOST:PORT/NAME?replicaSet=SET, user and "
                "password escaped as in any URL."
            )
            return "shop"
        if "replicaset" not in {option.lower() for option in parsed["options"]}:
            self.problems.append(
                f"{name} names no replica set, and orders need transactions: add ?replicaSet=NAME "
                "(a single server becomes one with `mongod --replSet rs0` and `rs.initiate()`)."
            )
        return parsed["database"] or "shop"

    def raise_if_any(self) -> None:
        if self.problems:
            raise ImproperlyConfigured(
                "Shop cannot start until these settings are fixed:\n"
                + "\n".join(f"  - {problem}" for problem in self.problems)
            )


class Environment(environ.Env):
    """Reports invalid values by name."""

    def __init__(self, checks: SettingsChecks) -> None:
        super().__init__()
        self._checks = checks

    def whole_number(self, name: str, *, default: int, at_least: int, at_most: int) -> int:
        text = self.str(name, default="").strip()
        if not text:
            return default
        if text.lstrip("-").isdecimal() and at_least <= int(text) <= at_most:
            return int(text)
        self._checks.report_unusable(f"{name} must be a whole number from {at_least} to {at_most}, not {text!r}.")
        return default

    def switch(self, name: str, *, default: bool) -> bool:
        text = self.str(name, default="").strip().lower()
        if not text:
            return default
        if text in ("1", "on", "yes", "true", "0", "off", "no", "false"):
            return text in ("1", "on", "yes", "true")
        self._checks.report_unusable(f"{name} must be on or off (1 or 0), not {text!r}.")
        return default

    def one_of(self, name: str, choices: Iterable[str], *, default: str, such_as: str) -> str:
        text = self.str(name, default="").strip() or default
        if text in choices:
            return text
        self._checks.report_unusable(f"{name} must be {such_as}, not {text!r}.")
        return default

    def time_zone(self, name: str, *, default: str) -> str:
        text = self.str(name, default="").strip() or default
        try:
            ZoneInfo(text)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self._checks.report_unusable(f"{name} must be a time zone such as Europe/Berlin, not {text!r}.")
            return default
        return text

    def existing_folder(self, name: str) -> list[Path]:
        """Return a list of one folder, or an empty list if it is not set."""
        text = self.str(name, default="").strip()
        if text and not Path(text).is_dir():
            self._checks.report_unusable(f"{name} must be a folder, and {text!r} is none.")
            return []
        return [Path(text).resolve()] if text else []

    def number_format(self, name: str, *, default: str, is_yearly: bool) -> str:
        """Return a format of ``{year}`` and ``{number}``; ``is_yearly`` requires the year."""
        text = self.str(name, default="") or default
        try:
            numbers = {text.format(year=2026, number=1), text.format(year=2026, number=2)}
            has_year = text.format(year=2027, number=1) not in numbers
        except (LookupError, ValueError, AttributeError, TypeError):
            numbers, has_year = set(), False
        if len(numbers) < 2 or max(map(len, numbers)) > 30:
            self._checks.report_unusable(f"{name} must be a format of {{year}} and {{number}}, such as {default}.")
        elif is_yearly and not has_year:
            self._checks.report_unusable(f"{name} needs {{year}}, as INVOICE_NUMBERS_RESTART_YEARLY is on.")
        return text

    def folder(self, name: str, *, default: str, not_in: Iterable[str]) -> str:
        """Return a path such as "back/office/"."""
        text = self.str(name, default="").strip().strip("/") or default.strip("/")
        if not re.fullmatch(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*", text) or text.split("/")[0] in not_in:
            self._checks.report_unusable(
                f"{name} must be a path of letters, digits, - and _ that is free, not {text!r}."
            )
        return f"{text}/"

    def url_templates(self, name: str, *, placeholder: str) -> dict[str, str]:
        """Parse a JSON object of names and http(s) addresses, each with ``placeholder``."""
        text = self.str(name, default="").strip() or "{}"
        try:
            templates = json.loads(text)
        except ValueError:
            templates = None
        if isinstance(templates, dict) and all(_is_url_template(each, placeholder) for each in templates.values()):
            return templates
        self._checks.report_unusable(
            f'{name} must be JSON such as {{"My Carrier": "https://example.com/track/{placeholder}"}}, not {text!r}.'
        )
        return {}

    def address(self, name: str, parse: Callable[[str], dict[str, Any]], value: str, *, such_as: str) -> dict[str, Any]:
        try:
            return parse(value)
        except (ImproperlyConfigured, KeyError, ValueError):
            # Not quoted: it may contain a password.
            self._checks.report_unusable(f"{name} must be an address such as {such_as}.")
            return {}


def _is_url_template(value: Any, placeholder: str) -> bool:
    if not isinstance(value, str) or placeholder not in value:
        return False
    parts = urlsplit(value)
    return parts.scheme in ("http", "https") and bool(parts.hostname)
