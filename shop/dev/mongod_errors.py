import json
import re
import signal
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from shop.db.diagnosis import explain_failure

_INSTEAD = "or set MONGO_URI to a MongoDB replica set"
# Debian/Ubuntu, Fedora/Red Hat.
_PACKAGES = {
    "libcurl.so": ("libcurl4", "libcurl"),
    "libssl.so": ("libssl3", "openssl-libs"),
    "libcrypto.so": ("libssl3", "openssl-libs"),
    "liblzma.so": ("liblzma5", "xz-libs"),
}


class MongodError(Exception):
    """The message names the remedy."""


def explain_exit(code: int, log: str, program: Path) -> str:
    """``code`` is negative for a signal."""
    if missing := re.search(r"(lib[\w.+-]+\.so[\w.]*): cannot open shared object file", log):
        return _missing_library(missing[1])
    if needed := re.search(r"version `((?:GLIBC|GLIBCXX|OPENSSL)_[\d.]+)' not found", log):
        return f"This Linux is too old for {program} (it lacks {needed[1]}): use a newer one, {_INSTEAD}."
    if code == -signal.SIGILL:
        return f"This processor lacks instructions (AVX) that MongoDB needs: use another machine, {_INSTEAD}."
    if code == -signal.SIGKILL:
        return f"MongoDB was killed while it started, often because memory ran out: free some, {_INSTEAD}."
    if "DBPathInUse" in log or "Unable to lock the lock file" in log:
        return "Another mongod uses this database folder: stop it, or choose another DATA_DIR."
    if "Address already in use" in log:
        return "MongoDB's port was taken by another program while it started: try again."
    if "No space left on device" in log:
        return "There is no disk space left for MongoDB: free some, or choose another DATA_DIR."
    if re.search(r"Permission denied|Operation not permitted|Read-only file system", log):
        return (
            "MongoDB cannot write to its database folder: give this user write permission, or choose another DATA_DIR."
        )
    if "featureCompatibilityVersion" in log and "UPGRADE PROBLEM" in log:
        return "Another version of MongoDB wrote this database folder: choose another DATA_DIR, or remove the folder."
    said = "\n".join(f"  {_readable(line)}" for line in _relevant_lines(log))
    return f"MongoDB ended with exit code {code} at its start: look at the end of its log, {_INSTEAD}.\n{said}"


def check_reachable(uri: str, *, seconds: float = 5) -> None:
    """Raise :class:`MongodError` unless a writable replica set answers within ``seconds``."""
    timeout = int(seconds * 1000)
    try:
        client: MongoClient[dict[str, Any]] = MongoClient(
            uri, serverSelectionTimeoutMS=timeout, connectTimeoutMS=timeout
        )
        with client:
            client.admin.command("ping")  # requires a primary and authentication
    except PyMongoError as error:
        reason = explain_failure(uri, error) or "The MongoDB of MONGO_URI cannot be used."
        raise MongodError(f"{reason} Or unset MONGO_URI to use the embedded one.") from error


def _missing_library(library: str) -> str:
    debian, red_hat = next((names for stem, names in _PACKAGES.items() if library.startswith(stem)), (None, None))
    packages = f" (`apt-get install {debian}`, `dnf install {red_hat}`)" if debian else ""
    return f"MongoDB needs the system library {library}, which is not installed: install it{packages}, {_INSTEAD}."


def _relevant_lines(log: str) -> list[str]:
    """Prefer errors and fatal errors."""
    lines = log.splitlines()
    bad = [line for line in lines if '"s":"E"' in line or '"s":"F"' in line]
    return (bad or lines)[-5:]


def _readable(line: str) -> str:
    try:
        entry = json.loads(line)
        return f"{entry['msg']} {json.dumps(entry.get('attr', {}))[:300]}"
    except (ValueError, KeyError, TypeError):
        return line[:300]
