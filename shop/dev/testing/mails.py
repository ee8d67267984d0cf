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
    """Run due jobs; return their mails, oldest first."""
    before = len(mail.outbox)
    while jobs.run_due():
        pass
    return mail.outbox[before:]


def minutes_pass(minutes: int = 5) -> None:
    """Make jobs due that are scheduled within these minutes."""
    for pk, run_at in list(jobs.Job.objects.values_list("pk", "run_at")):
        jobs.Job.objects.filter(pk=pk).update(run_at=run_at - timedelta(minutes=minutes))


def all_at_the_link(monkeypatch: pytest.MonkeyPatch, link: Link, count: int) -> None:
    """Let concurrent calls all pass the link's check before any continues."""
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
    """Return the parameters of the storefront's link."""
    (address,) = re.findall(rf"http://localhost:3000/{page}\?\S+", message.body)
    return dict(parse_qsl(urlsplit(address).query))


def subjects() -> list[str]:
    """Return the subjects of the mails that a worker sends now; "…" replaces the order's number."""
    return [re.sub(r"\w{5}-\w{5}", "…", mail.subject) for mail in work()]
