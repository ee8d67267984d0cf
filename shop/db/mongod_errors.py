"""Explanations of MongoDB failures."""

import json
import re
import signal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pymongo import MongoClient
from pymongo.errors import ConfigurationError, ConnectionFailure, OperationFailure, PyMongoError
from pymongo.uri_parser import parse_uri

_INSTEAD = "or set MONGO_URI to a MongoDB replica set"
_UNAUTHORIZED = 13
# 8000: Atlas.
_AUTHENTICATION_FAILED = frozenset({18, 8000})
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
    """Explain the exit of a mongod by its code (negative for a signal) and its log."""
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


def explain_failure(uri: str, error: BaseException | None) -> str:
    """Return the cause and remedy, or "" for an unrelated error. Connects to the servers for some seconds."""
    while error is not None:
        if isinstance(error, OperationFailure) and error.code in _AUTHENTICATION_FAILED:
            return "MongoDB refuses the user or the password in MONGO_URI: correct them, or their authSource."
        if isinstance(error, OperationFailure) and error.code == _UNAUTHORIZED:
            return (
                "MongoDB does not allow this to the user in MONGO_URI, or there is no user in it: use one with the "
                "role readWrite on the shop's database."
            )
        if isinstance(error, ConnectionFailure | ConfigurationError):
            return _explain_unreachable(uri)
        error = error.__cause__ or error.__context__
    return ""


def _explain_unreachable(uri: str) -> str:
    try:
        parsed = parse_uri(uri, validate=False)
    except PyMongoError:
        host = urlsplit(uri).hostname
        return f"DNS has no entry for the host {host}: correct it in MONGO_URI, or the DNS of this machine."
    options = {name.lower(): value for name, value in parsed["options"].items()}
    tls = {name: value for name, value in options.items() if name.startswith(("tls", "ssl"))}
    reason = ""
    for host, port in parsed["nodelist"]:
        where = f"{host}:{port}"
        try:
            hello = _hello(where, tls)
        except PyMongoError as error:
            reason = reason or _explain_no_answer(where, str(error), tls=bool(tls))
        else:
            return _explain_unsuitable(where, hello, tls, wanted_set=options.get("replicaset"))
    return reason


def _hello(where: str, tls: dict[str, Any]) -> dict[str, Any]:
    """Send "hello", which needs no authentication."""
    with MongoClient(
        where, directConnection=True, serverSelectionTimeoutMS=2000, connectTimeoutMS=2000, **tls
    ) as client:
        return client.admin.command("hello")


def _explain_no_answer(where: str, said: str, *, tls: bool) -> str:
    if re.search(r"not known|nodename nor servname|name resolution|No address associated", said):
        return (
            f"The host {where.rpartition(':')[0]} does not exist: correct it in MONGO_URI, or the DNS of this machine."
        )
    if "certificate verify failed" in said.lower() or "CERTIFICATE_VERIFY_FAILED" in said:
        return f"The TLS certificate of {where} is not trusted: add tlsCAFile=FILE of its authority to MONGO_URI."
    if re.search(r"\b(SSL|TLS)\b", said):
        return f"{where} does not speak TLS as MONGO_URI asks: remove tls=true there, or turn TLS on at the server."
    if "refused" in said:
        return f"No MongoDB answers at {where}: start it, or correct MONGO_URI."
    if not tls and "connection closed" in said:
        return f"{where} closes the connection: if it requires TLS, add tls=true to MONGO_URI."
    return (
        f"{where} cannot be reached in time: check the firewall, the IP access list of Atlas, and that MongoDB "
        "runs there."
    )


def _explain_unsuitable(where: str, hello: dict[str, Any], tls: dict[str, Any], *, wanted_set: str | None) -> str:
    if hello.get("isreplicaset"):
        return f"The replica set of {where} was never initiated: run `rs.initiate()` there once."
    if "setName" not in hello:
        return (
            f"The MongoDB at {where} is not part of a replica set, and orders need transactions: start it with "
            "`mongod --replSet rs0`, run `rs.initiate()` once, and put replicaSet=rs0 into MONGO_URI."
        )
    if wanted_set and hello["setName"] != wanted_set:
        name = hello["setName"]
        return f"The MongoDB at {where} belongs to the replica set {name}: put replicaSet={name} into MONGO_URI."
    if not hello.get("primary"):
        return (
            f"The replica set of {where} has no primary at the moment: most of its members must run and reach each "
            "other (`rs.status()` shows them)."
        )
    try:
        _hello(hello["primary"], tls)
    except PyMongoError:
        return (
            f"The primary of the replica set has the name {hello['primary']} and cannot be reached by it from here: "
            "let this machine resolve and reach the names of all members (`rs.conf()` shows them)."
        )
    return f"The connection to the MongoDB at {where} was lost, and it answers again: repeat the command."


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
