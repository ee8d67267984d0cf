"""What settings must be before production starts: each problem is one sentence that names the variable."""

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from pymongo.errors import InvalidURI, PyMongoError
from pymongo.uri_parser import parse_uri

_WEAK = ("change", "example", "secret-key", "insecure", "development-only", "password", "your-")


class SettingsChecks:
    """Collects what is wrong with the settings; :meth:`raise_if_any` stops the boot with all of it at once.

    With ``enforced=False`` (development) only what could never work is a problem.
    """

    def __init__(self, *, enforced: bool) -> None:
        self.enforced = enforced
        self.problems: list[str] = []

    def _report(self, problem: str) -> None:
        if self.enforced:
            self.problems.append(problem)

    def given(self, name: str, value: str, *, purpose: str) -> None:
        if not value:
            self._report(f"{name} is not set: {purpose}.")

    def strong_secret(self, name: str, value: str, *, at_least: int) -> None:
        """A secret must be long, varied and no phrase out of an example file."""
        if not value:
            self._report(f"{name} is not set: it needs {at_least} or more random characters.")
        elif len(value) < at_least:
            self._report(f"{name} is too short: it has {len(value)} characters and needs at least {at_least}.")
        elif len(set(value)) < 10 or any(word in value.lower() for word in _WEAK):
            self._report(f"{name} is weak: use random characters, e.g. from `openssl rand -base64 48`.")

    def different(self, name: str, value: str, other_name: str, other: str) -> None:
        if value and value == other:
            self._report(f"{name} is the same as {other_name}: each needs a secret of its own.")

    def prefixed(self, name: str, value: str, prefixes: tuple[str, ...]) -> None:
        """A Stripe key is recognised by how it begins; a comma separates several."""
        if not value:
            self._report(f"{name} is not set: the Stripe dashboard shows it.")
            return
        for part in value.split(","):
            if not part.strip().startswith(prefixes) or part.strip().endswith("_simulator"):
                self._report(f"{name} is not a real Stripe key: it must start with {' or '.join(prefixes)}.")

    def host_list(self, name: str, hosts: Sequence[str]) -> None:
        if not hosts:
            self._report(f"{name} is not set: it lists the host names that the shop answers to.")
        elif "*" in hosts:
            self._report(f"{name} must not be '*': list the host names that the shop answers to.")

    def origin_list(self, name: str, origins: Iterable[str]) -> None:
        for origin in origins:
            if "*" in origin or not origin.startswith("https://"):
                self._report(f"{name} must list https:// origins, not {origin!r}.")

    def https_url(self, name: str, value: str, *, purpose: str) -> None:
        parts = urlsplit(value)
        if parts.scheme != "https" or not parts.hostname:
            self._report(f"{name} must be an https:// address: {purpose}.")

    def at_least(self, name: str, value: int, minimum: int) -> None:
        if value < minimum:
            self._report(f"{name} is {value} and must be at least {minimum}.")

    def forbidden(self, name: str, present: bool, why: str) -> None:
        if present:
            self._report(f"{name} is refused: {why}.")

    def replica_set(self, name: str, uri: str) -> str:
        """Check that ``uri`` names a replica set, in development too; return its database's name ("shop" if none)."""
        if uri.startswith("mongodb+srv://"):
            # The replica set stands in the DNS record, which only the driver looks up.
            return urlsplit(uri).path.strip("/") or "shop"
        try:
            parsed = parse_uri(uri)
        except (InvalidURI, PyMongoError, ValueError) as error:
            self.problems.append(f"{name} is not a MongoDB address: {error}.")
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
                "Shop does not start until these settings are right:\n"
                + "\n".join(f"  - {problem}" for problem in self.problems)
            )
