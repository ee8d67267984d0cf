"""Mails: requested in a transaction, written and sent by the worker.

A mail is a job (`shop.jobs`) that holds only ids; its content is read when it is sent, and nothing is sent if the
recipient is gone. Delivery is at least once: a repeated mail has the same Message-ID, by which servers and clients drop
duplicates.
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

from shop import jobs
from shop.api import counters
from shop.api.rate_limits import spend
from shop.jobs.email_addresses import check_email, mailbox_of
from shop.logs import describe_error

logger = structlog.get_logger(__name__)

# Back-off after the mail server was unreachable.
AWAY_SECONDS = 30.0
# Retry of temporary refusals, such as a full mailbox or greylisting, up to DELIVERABLE_FOR.
ASK_AGAIN_SECONDS = 15 * 60.0
DELIVERABLE_FOR = timedelta(days=1)
# After this time a retry counts again.
_COUNTED_FOR_SECONDS = 2 * 24 * 3600


class Budget(StrEnum):
    """Scopes in `settings.RATE_LIMIT_RULES` for mails, each with a stricter twin ``…_unverified``.

    Each kind has its own limit, so that one cannot use up that of another.
    """

    LINK = "mail_link"  # link to verify the address
    ORDER = "mail_order"  # order placed, cancelled or expired: free to trigger
    SALE = "mail_sale"  # money or a parcel has moved
    PASSWORD_RESET = "mail_reset"  # noqa: S105
    PASSWORD_CHANGED = "mail_password"  # noqa: S105


class Mail(NamedTuple):
    """A mail to one address. ``template`` names the pair ``….txt`` and ``….html``, rendered with ``context``.

    It counts against ``budget``, which is None for mails to staff. An unverified mailbox may belong to a stranger:
    limits are stricter, and ``context`` must contain no user input.
    """

    to: str
    verified: bool
    budget: Budget | None
    subject: str
    template: str
    context: dict[str, Any]


class MailNotTaken(Exception):
    """The mail server did not confirm a mail. The recipient's address is removed from its message."""

    def __init__(self, error: OSError, *, to: str) -> None:
        super().__init__(f"{type(error).__name__}: {error}".replace(to, "…"))


Writer = Callable[..., Mail | None]


class MailKind:
    """A kind of mail, made by :func:`mail` from the function that writes it."""

    def __init__(self, name: str, write: Writer) -> None:
        self.name = name
        self._write = write
        self._job = jobs.job(name)(self._run)

    def enqueue(self, *, delay: timedelta | None = None, **about: str) -> None:
        """Enqueue a mail in the running transaction, to be sent after the commit or ``delay`` later.

        ``about`` are ids, since they are stored.
        """
        self._job.enqueue(mail=str(ObjectId()), delay=delay, **about)

    def _run(self, *, mail: str, **about: str) -> None:
        _server.require()
        if written := self._write(**about):
            _send(written, ObjectId(mail))


_kinds: list[str] = []


def kinds() -> list[str]:
    """Return the names of all kinds of mail, which are those of their jobs."""
    return _kinds


def mail(name: str) -> Callable[[Writer], MailKind]:
    """Make the decorated function the writer of a kind of mail; it gets the ids passed to ``enqueue``.

    It returns None if the mail is obsolete.
    """

    def register(write: Writer) -> MailKind:
        _kinds.append(name)
        return MailKind(name, write)

    return register


def storefront(page: str, **parameters: str) -> str:
    query = f"?{urlencode(parameters)}" if parameters else ""
    return f"{settings.FRONTEND_URL.rstrip('/')}/{page}{query}"


def _send(mail: Mail, number: ObjectId) -> None:
    try:
        check_email(mail.to)
    except ValidationError:
        # The account predates the check of addresses.
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
            # Includes lost responses: the mail may have been accepted, so attempts are limited.
            raise MailNotTaken(error, to=mail.to) from None


def _is_over_limit(mail: Mail, number: ObjectId) -> bool:
    """Count a mail for its recipient's mailbox; return whether the limit is exceeded.

    Retries do not count again. A process that dies right after counting sends the mail on retry.
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
    # Unknown or full mailbox, which staff cannot repair. The server's message may name the person.
    logger.warning("mail_refused", mail=str(number), code=code)


def _is_about_mailbox(refused: smtplib.SMTPDataError) -> bool:
    """Return whether a permanent refusal concerns the recipient: RFC 3463, 5.1.x and 5.2.x.

    Other reasons (spam, policy, our limits) need staff.
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
            # RFC 3834: suppresses out-of-office replies.
            "Auto-Submitted": "auto-generated",
        },
    )
    message.attach_alternative(render_to_string(f"{mail.template}.html", context), "text/html")
    return message


class _Server:
    """The mail server, with this process's back-off after an outage."""

    def __init__(self) -> None:
        self._away_until = 0.0

    def require(self) -> None:
        if (seconds := self._away_until - time.monotonic()) > 0:
            raise jobs.Postpone(seconds)

    @contextlib.contextmanager
    def connected(self) -> Iterator[BaseEmailBackend]:
        """Yield an open connection. Raises ``Postpone`` if the server is unreachable."""
        connection = get_connection()
        try:
            self._open(connection)
            yield connection
        finally:
            # The message was accepted; ignore errors on QUIT.
            with contextlib.suppress(OSError):
                connection.close()

    def _open(self, connection: BaseEmailBackend) -> None:
        try:
            connection.open()
        except OSError as error:
            # All SMTP errors are OSErrors. Permanent ones, such as a wrong password, are raised.
            lasting = isinstance(error, smtplib.SMTPResponseException) and error.smtp_code >= 500
            if lasting or isinstance(error, smtplib.SMTPNotSupportedError):
                raise
            logger.warning("mail_server_unavailable", error=describe_error(error))
            self._away_until = time.monotonic() + AWAY_SECONDS
            raise jobs.Postpone(AWAY_SECONDS) from error


_server = _Server()
