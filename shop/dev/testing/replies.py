from typing import Any

KINDS = {400: {"validation_error", "client_error"}, 500: {"server_error"}, 503: {"server_error"}}


def refusals(reply: Any, status: int) -> list[tuple[str, str | None]]:
    """Assert an error reply with this status; return each ``(code, attr)``."""
    assert reply.status_code == status, (reply.status_code, reply.content[:500])
    assert reply["Content-Type"] == "application/json"
    body = reply.json()
    assert set(body) == {"type", "errors"}, body
    assert body["type"] in KINDS.get(status, {"client_error"}), body
    assert body["errors"], body
    for error in body["errors"]:
        assert set(error) == {"code", "detail", "attr"}, body
        assert isinstance(error["code"], str), body
        assert error["code"], body
        assert isinstance(error["detail"], str), body
        assert error["detail"], body
        assert error["attr"] is None or isinstance(error["attr"], str), body
    return [(error["code"], error["attr"]) for error in body["errors"]]


def refusal(reply: Any, status: int) -> tuple[str, str | None]:
    found = refusals(reply, status)
    assert len(found) == 1, found
    return found[0]
