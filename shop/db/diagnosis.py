import re
from typing import Any
from urllib.parse import urlsplit

from pymongo import MongoClient
from pymongo.errors import ConfigurationError, ConnectionFailure, OperationFailure, PyMongoError
from pymongo.uri_parser import parse_uri

_UNAUTHORIZED = 13
# 8000: Atlas.
_AUTHENTICATION_FAILED = frozenset({18, 8000})


def explain_failure(uri: str, error: BaseException | None) -> str:
    """Return "" for an unrelated error. Connects to the servers for some seconds."""
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
