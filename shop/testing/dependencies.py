"""``make audit-deps``: known vulnerabilities of what the requirements pin, and of all that comes with it.

``python -m shop.testing.dependencies`` exits with 0 where the database knows of none, with 1 where it knows some, and
with 3 where it could not be asked: that is no good news.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent.parent
DATABASE = "https://api.osv.dev/v1/query"
CLEAN, VULNERABLE, UNKNOWN = 0, 1, 3


def pinned(path: Path) -> list[Requirement]:
    """What a requirements file names for this machine, included files and all."""
    found = []
    for line in path.read_text().splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("-r"):
            found += pinned(path.parent / text.removeprefix("-r").strip())
        elif text:
            found.append(Requirement(text))
    return [each for each in found if each.marker is None or each.marker.evaluate()]


def with_all_that_comes_along(requirements: Sequence[Requirement]) -> dict[str, str]:
    """Versions by name of what is installed for these. Raises ``PackageNotFoundError`` for a pin that is not."""
    versions: dict[str, str] = {}
    waiting = [(each, {*each.extras, ""}) for each in requirements]
    while waiting:
        requirement, extras = waiting.pop()
        installed = distribution(requirement.name)
        name = re.sub(r"[-_.]+", "-", installed.name).lower()
        if name in versions and not requirement.extras:
            continue
        versions[name] = installed.version
        for line in installed.requires or ():
            needed = Requirement(line)
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append((needed, {*needed.extras, ""}))
    return versions


def ask(versions: dict[str, str], *, database: str) -> list[dict[str, Any]] | None:
    """What pip-audit knows of these packages, or None where the database does not answer."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("".join(f"{name}=={version}\n" for name, version in sorted(versions.items())))
        file.flush()
        command = [sys.executable, "-m", "pip_audit", "--requirement", file.name, "--no-deps", "--disable-pip"]
        command += ["--vulnerability-service", "osv", "--osv-url", database]
        command += ["--format", "json", "--progress-spinner", "off"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        sys.stderr.write("".join(done.stderr.splitlines(keepends=True)[-1:]))
        return None
    # One that was left out was not looked at.
    return None if any("skip_reason" in package for package in packages) else packages


def main(arguments: Sequence[str] | None = None) -> int:
    """Look, tell, and return the exit code."""
    parser = argparse.ArgumentParser(prog="audit-deps", description=__doc__)
    parser.add_argument("--database", default=DATABASE, help="the address of an OSV database's query")
    options = parser.parse_args(arguments)
    try:
        production = with_all_that_comes_along(pinned(ROOT / "requirements.txt"))
        everything = with_all_that_comes_along(pinned(ROOT / "requirements-dev.txt"))
    except PackageNotFoundError as error:
        sys.stderr.write(f"{error.name} is pinned and not installed: run `make install` first. NOTHING WAS CHECKED.\n")
        return UNKNOWN
    packages = ask(everything, database=options.database)
    if packages is None:
        sys.stderr.write(f"The vulnerability database at {options.database} did not answer. NOTHING WAS CHECKED.\n")
        return UNKNOWN
    vulnerable = [package for package in packages if package["vulns"]]
    for package in vulnerable:
        where = "production" if package["name"] in production else "development"
        for known in package["vulns"]:
            mended = ", ".join(known["fix_versions"]) or "no version yet"
            sys.stdout.write(f"{package['name']} {package['version']} ({where}): {known['id']}, mended in {mended}\n")
    sys.stdout.write(
        f"{len(packages)} packages looked up, {len(production)} of them in production; "
        f"{len(vulnerable) or 'none'} known to be vulnerable.\n"
    )
    return VULNERABLE if vulnerable else CLEAN


if __name__ == "__main__":
    sys.exit(main())
