"""What a worker mails, and the links in it."""

import re
from datetime import timedelta
from threading import Barrier
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives

from accounts.links import Link
from accounts.models import User
from shop import jobs


def work() -> list[EmailMultiAlternatives]:
    """Let a worker do what is due; return the mails that it sent, the oldest first."""
    before = len(mail.outbox)
    while jobs.run_due():
        pass
    return mail.outbox[before:]


def minutes_pass(minutes: int = 5) -> None:
    """Make jobs due that were to run within so many minutes."""
    for pk, run_at in list(jobs.Job.objects.values_list("pk", "run_at")):
        jobs.Job.objects.filter(pk=pk).update(run_at=run_at - timedelta(minutes=minutes))


def all_at_the_link(monkeypatch: pytest.MonkeyPatch, link: Link, count: int) -> None:
    """Let so many find the link good before any of them goes on."""
    checked, everybody = link.owner, Barrier(count)

    def owner(**arguments: Any) -> User:
        user = checked(**arguments)
        everybody.wait(20)
        return user

    monkeypatch.setattr(link, "owner", owner)


def html_of(message: EmailMultiAlternatives) -> str:
    (alternative,) = message.alternatives
    assert alternative.mimetype == "text/html"
    return alternative.content


def link_in(message: EmailMultiAlternatives, page: str) -> dict[str, str]:
    """Return the parameters of the link to this page of the storefront: what the page sends to the API."""
    (address,) = re.findall(rf"http://localhost:3000/{page}\?\S+", message.body)
    return dict(parse_qsl(urlsplit(address).query))
