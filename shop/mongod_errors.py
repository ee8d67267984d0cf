"""Why MongoDB cannot be used: one sentence, and what to do about it."""

import json
import re
import signal
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.uri_parser import parse_uri

_INSTEAD = "or set MONGO_URI to a MongoDB replica set"
# Shared library → its package on Debian and Ubuntu, on Fedora and Red Hat.
_PACKAGES = {
    "libcurl.so": ("libcurl4", "libcurl"),
    "libssl.so": ("libssl3", "openssl-libs"),
    "libcrypto.so": ("libssl3", "openssl-libs"),
    "liblzma.so": ("liblzma5", "xz-libs"),
}


class MongodError(Exception):
    """MongoDB cannot be used: one sentence, and what to do."""


def why_it_ended(code: int, log: str, program: Path) -> str:
    """Say why ``program`` ended with exit code ``code`` (negative: a signal) after writing ``log``."""
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
        return "MongoDB may not write its database folder: give this user the right to, or choose another DATA_DIR."
    if "featureCompatibilityVersion" in log and "UPGRADE PROBLEM" in log:
        return "Another version of MongoDB wrote this database folder: choose another DATA_DIR, or remove the folder."
    said = "\n".join(f"  {_readable(line)}" for line in _telling(log))
    return f"MongoDB ended with exit code {code} at its start: look at the end of its log, {_INSTEAD}.\n{said}"


def check_reachable(uri: str, *, seconds: float = 5) -> None:
    """Raise :class:`MongodError` unless a replica set answers at ``uri`` within so many seconds and takes writes."""
    if _is_a_single_server(uri):
        raise MongodError(
            "The server that MONGO_URI names is not part of a replica set, and orders need transactions: start it with "
            "`mongod --replSet rs0`, run `rs.initiate()` once, and add ?replicaSet=rs0; or unset MONGO_URI and the "
            "embedded one runs."
        )
    try:
        client: MongoClient[dict[str, Any]] = MongoClient(
            uri, serverSelectionTimeoutMS=int(seconds * 1000), connectTimeoutMS=int(seconds * 1000)
        )
        with client:
            client.admin.command("ping")  # needs a primary, and a connection that has signed in
    except OperationFailure as error:
        raise MongodError(f"MONGO_URI: the server refuses this user ({error}): check the name and password.") from error
    except PyMongoError as error:
        reason = str(error).split(", Timeout:")[0]
        raise MongodError(
            f"MONGO_URI cannot be reached ({reason}): start it, or unset MONGO_URI and the embedded one runs."
        ) from error


def _is_a_single_server(uri: str) -> bool:
    """Whether the first server that ``uri`` names answers and says that it belongs to no set, and is no router."""
    try:
        host, port = parse_uri(uri)["nodelist"][0]
        with MongoClient(host, port, directConnection=True, serverSelectionTimeoutMS=1000) as client:
            hello = client.admin.command("hello")
            return "setName" not in hello and hello.get("msg") != "isdbgrid"
    except (PyMongoError, ValueError):
        return False


def _missing_library(library: str) -> str:
    debian, red_hat = next((names for stem, names in _PACKAGES.items() if library.startswith(stem)), (None, None))
    packages = f" (`apt-get install {debian}`, `dnf install {red_hat}`)" if debian else ""
    return f"MongoDB needs the system library {library}, which is not installed: install it{packages}, {_INSTEAD}."


def _telling(log: str) -> list[str]:
    """The lines that a reader looks for: errors and fatal ones if there are any, the last ones otherwise."""
    lines = log.splitlines()
    bad = [line for line in lines if '"s":"E"' in line or '"s":"F"' in line]
    return (bad or lines)[-5:]


def _readable(line: str) -> str:
    try:
        entry = json.loads(line)
        return f"{entry['msg']} {json.dumps(entry.get('attr', {}))[:300]}"
    except (ValueError, KeyError, TypeError):
        return line[:300]
