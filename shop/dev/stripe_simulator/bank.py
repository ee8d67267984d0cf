import html
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

from . import intents
from .errors import invalid
from .session import Account

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Bank (simulated)</title>
<link rel="icon" href="data:,">
<style>body {{ font: 1.1rem system-ui; max-width: 30rem; margin: 4rem auto }}
button {{ font: inherit; padding: .5rem 1rem }}</style>
</head><body><h1>Confirm your payment</h1><p>{amount} minor units of {currency}, for {id}.</p>
<form method="post"><button name="success" value="true">Confirm</button>
<button name="success" value="false">Refuse</button></form></body></html>
"""


def page(account: Account, intent_id: str, query: str) -> bytes:
    """Raises `ApiError` for a wrong client secret."""
    with account.session(publishable=True) as session:
        intent = intents.retrieve(session, {"client_secret": _one(query, "client_secret")}, intent_id)
    shown = {name: html.escape(str(intent[name])) for name in ("id", "amount", "currency")}
    return _PAGE.format(**shown).encode()


def decide(account: Account, intent_id: str, query: str, form: str) -> str:
    """Return the redirect's URL."""
    address = urlsplit(_one(query, "return_url"))
    if address.scheme not in ("http", "https"):
        raise invalid("Invalid return_url", param="return_url")
    secret = _one(query, "client_secret")
    with account.session(publishable=True) as session:
        values = {"client_secret": secret, "success": _one(form, "success") == "true"}
        intent = intents.authenticate(session, values, intent_id)
    outcome = "succeeded" if intent["status"] == "succeeded" else "failed"
    added = {"payment_intent": intent_id, "payment_intent_client_secret": secret, "redirect_status": outcome}
    return urlunsplit(address._replace(query=urlencode([*parse_qsl(address.query), *added.items()])))


def _one(encoded: str, name: str) -> str:
    return parse_qs(encoded).get(name, [""])[0]
