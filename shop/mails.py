"""Mails: asked for in the transaction that calls for them, written when the worker sends them.

A mail is a job (`shop/jobs.py`) that holds ids and nothing else of a person: what it says is read at the time it is
sent, and nothing is sent where there is nobody any more to send it to. It is sent at least once. Should a worker die
between the mail server's answer and the end of its job, the copy has the same Message-ID, by which servers and mail
programs know it.
"""

import contextlib
import re
import smtplib
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.utils import parseaddr
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import urlencode

import structlog
from bson import ObjectId
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.template.loader import render_to_string
from django.utils import timezone

from shop import counters, jobs
from shop.email_addresses import check_email, mailbox_of
from shop.logs import told
from shop.rate_limits import spend

logger = structlog.get_logger(__name__)

# So long nobody waits for a mail server that was away: the worker has other things to do.
AWAY_SECONDS = 30.0
# A recipient's server that says "not now" (a full mailbox, greylisting) is asked again, but not for ever.
ASK_AGAIN_SECONDS = 15 * 60.0
DELIVERABLE_FOR = timedelta(days=1)
# A mail that is tried again after that counts again.
_COUNTED_FOR_SECONDS = 2 * 24 * 3600


class Budget(StrEnum):
    """The scopes of `settings.RATE_LIMIT_RULES` for mails, each with a stricter twin ``…_unverified``.

    Each has a limit of its own, so that mails of one kind never use up those of another.
    """

    LINK = "mail_link"  # a link to verify the address
    ORDER = "mail_order"  # an order is placed, cancelled or expired: costs nothing to cause
    SALE = "mail_sale"  # money or a parcel has moved
    PASSWORD_RESET = "mail_reset"  # noqa: S105
    PASSWORD_CHANGED = "mail_password"  # noqa: S105


class Mail(NamedTuple):
    """A mail to one address. ``template`` names the pair ``….txt`` and ``….html``, both shown the ``context``.

    It counts against the limits of ``budget``; mails to staff have none. Until the address is ``verified`` the mailbox
    may be a stranger's: the limits are stricter, and the ``context`` has nothing that a customer typed.
    """

    to: str
    verified: bool
    budget: Budget | None
    subject: str
    template: str
    context: dict[str, Any]


class MailNotTaken(Exception):
    """The mail server did not take a mail, or did not say so. The recipient's address is left out of what it said."""

    def __init__(self, error: OSError, *, to: str) -> None:
        super().__init__(f"{type(error).__name__}: {error}".replace(to, "…"))


Writer = Callable[..., Mail | None]

_kinds: list[str] = []


def kinds() -> list[str]:
    """Return the kinds of jobs that are mails."""
    return _kinds


def writer(kind: str) -> Callable[[Writer], Writer]:
    """Register the decorated function to write the mails of this kind, from what :func:`send_later` was given.

    It returns None where the mail is not wanted any more.
    """

    def register(write: Writer) -> Writer:
        @jobs.handler(kind)
        def send(*, mail: str, **about: str) -> None:
            _server.require()
            if written := write(**about):
                _send(written, ObjectId(mail))

        _kinds.append(kind)
        return write

    return register


def send_later(kind: str, *, delay: timedelta | None = None, **about: str) -> None:
    """Let the worker send a mail once the running transaction is committed, or ``delay`` later.

    ``about`` are ids: it is kept as it is.
    """
    jobs.enqueue(kind, mail=str(ObjectId()), delay=delay, **about)


def storefront(page: str, **parameters: str) -> str:
    """Return the address of a page of the storefront."""
    query = f"?{urlencode(parameters)}" if parameters else ""
    return f"{settings.FRONTEND_URL.rstrip('/')}/{page}{query}"


def _send(mail: Mail, number: ObjectId) -> None:
    try:
        check_email(mail.to)
    except ValidationError:
        # An account from before such addresses were refused.
        logger.warning("mail_undeliverable", mail=str(number))
        return
    if _is_over_limit(mail, number):
        return
    message = _message(mail, number)
    with _server.connected() as connection:
        try:
            connection.send_messages([message])
        except smtplib.SMTPRecipientsRefused as refused:
            ((code, _),) = refused.recipients.values()
            if code < 500 and timezone.now() - number.generation_time < DELIVERABLE_FOR:
                raise jobs.Postpone(ASK_AGAIN_SECONDS) from refused
            _drop(number, code=code)
        except smtplib.SMTPDataError as refused:
            if not _is_about_mailbox(refused):
                raise MailNotTaken(refused, to=mail.to) from None
            _drop(number, code=refused.smtp_code)
        except OSError as error:
            # Also where the answer was lost: the mail may have been taken, so it is not sent again without end.
            raise MailNotTaken(error, to=mail.to) from None


def _is_over_limit(mail: Mail, number: ObjectId) -> bool:
    """Count a mail for its recipient's mailbox; return whether its scope allows no more.

    It is counted once, however often it is tried. If the process dies right after counting, it is sent.
    """
    if not settings.RATE_LIMITS or mail.budget is None:
        return False
    if counters.count(f"mail {number}", seconds=_COUNTED_FOR_SECONDS).uses > 1:
        return False
    scope = f"{mail.budget}{'' if mail.verified else '_unverified'}"
    if spend(scope, mailbox_of(mail.to)) is None:
        return False
    logger.warning("mail_over_limit", mail=str(number), code=scope)
    return True


def _drop(number: ObjectId, *, code: int) -> None:
    # There is no such mailbox, or it is full: nothing that staff could repair. (The answer may name the person.)
    logger.warning("mail_refused", mail=str(number), code=code)


def _is_about_mailbox(refused: smtplib.SMTPDataError) -> bool:
    """Tell whether a permanent refusal of the message is about the recipient: RFC 3463, 5.1.x and 5.2.x.

    The other reasons (spam, a policy, a limit of ours) are for staff to repair.
    """
    said = refused.smtp_error
    text = said.decode("ascii", "replace") if isinstance(said, bytes) else said
    return refused.smtp_code >= 500 and text.startswith(("5.1.", "5.2."))


def _message(mail: Mail, number: ObjectId) -> EmailMultiAlternatives:
    name, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    context = {**mail.context, "subject": mail.subject, "shop": name or "Shop", "storefront": settings.FRONTEND_URL}
    text = render_to_string(f"{mail.template}.txt", context)
    message = EmailMultiAlternatives(
        subject=mail.subject,
        body=re.sub(r"\n{3,}", "\n\n", text).strip() + "\n",
        to=[mail.to],
        headers={
            "Message-ID": f"<{number}@{address.rpartition('@')[2]}>",
            # RFC 3834: no "out of office" in return.
            "Auto-Submitted": "auto-generated",
        },
    )
    message.attach_alternative(render_to_string(f"{mail.template}.html", context), "text/html")
    return message


class _Server:
    """The mail server, and until when this process does not ask it, because it was away."""

    def __init__(self) -> None:
        self._away_until = 0.0

    def require(self) -> None:
        """Raise ``Postpone`` where it was away a moment ago."""
        if (seconds := self._away_until - time.monotonic()) > 0:
            raise jobs.Postpone(seconds)

    @contextlib.contextmanager
    def connected(self) -> Iterator[BaseEmailBackend]:
        """Connect, logged in, for a block. Raises ``Postpone`` where it is away."""
        connection = get_connection()
        try:
            self._open(connection)
            yield connection
        finally:
            # What was taken is taken, whatever comes of the goodbye.
            with contextlib.suppress(OSError):
                connection.close()

    def _open(self, connection: BaseEmailBackend) -> None:
        try:
            connection.open()
        except OSError as error:
            # All of SMTP's errors are OSErrors. A wrong password and the like do not pass by themselves.
            lasting = isinstance(error, smtplib.SMTPResponseException) and error.smtp_code >= 500
            if lasting or isinstance(error, smtplib.SMTPNotSupportedError):
                raise
            logger.warning("the mail server is away", error=told(error))
            self._away_until = time.monotonic() + AWAY_SECONDS
            raise jobs.Postpone(AWAY_SECONDS) from error


_server = _Server()
