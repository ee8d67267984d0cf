"""`make audit-deps` never calls green what it has not seen."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from shop.mongod import free_port
from shop.testing import dependencies

ADVISORY = {
    "id": "PYSEC-2026-1",
    "summary": "Anybody may buy anything for nothing",
    "affected": [
        {
            "package": {"name": "django", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}],
        }
    ],
}


class Database(BaseHTTPRequestHandler):
    """The one call of osv.dev that is asked here."""

    advisories: dict[str, list[Any]] = {}
    asked: set[str] = set()

    def do_POST(self) -> None:
        package = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["package"]["name"]
        self.asked.add(package)
        found = self.advisories.get(package)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"vulns": found} if found else {}).encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def database() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Database)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        server.server_close()


def test_a_known_vulnerability_is_told_with_the_version_that_mends_it(
    database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Database, "advisories", {"django": [ADVISORY]})
    monkeypatch.setattr(Database, "asked", set())
    assert dependencies.main(["--database", database]) == dependencies.VULNERABLE
    told = capsys.readouterr().out
    assert "(production): PYSEC-2026-1, mended in 99.1" in told
    # What is pinned, and what comes along with it.
    assert Database.asked >= {"django", "asgiref", "stripe", "pytest", "iniconfig"}


def test_nothing_known_of_any_package_is_the_only_green(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert dependencies.main(["--database", database]) == dependencies.CLEAN
    assert capsys.readouterr().out.endswith("; none known to be vulnerable.\n")


def test_a_database_that_is_away_is_no_good_news(capsys: pytest.CaptureFixture[str]) -> None:
    away = f"http://127.0.0.1:{free_port()}/v1/query"
    assert dependencies.main(["--database", away]) == dependencies.UNKNOWN
    said = capsys.readouterr()
    assert said.out == ""
    assert "NOTHING WAS CHECKED" in said.err


def test_no_other_check_waits_for_the_network() -> None:
    for name in (".ci/run", ".ci/check-project"):
        assert "audit" not in Path(settings.BASE_DIR, name).read_text()
