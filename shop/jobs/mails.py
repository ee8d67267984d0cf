"""Mails, requested in a transaction and sent by the worker.

Jobs hold only ids. A mail sent twice has the same Message-ID, by which clients drop duplicates.
"""

import contextlib
import re
import smtplib
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from datetime import timedelta
from email.mime.image import MIMEImage
from email.utils import parseaddr
from enum import StrEnum
from pathlib import Path
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
from shop.api.rate_limits import count_use
from shop.db import documents
from shop.jobs.email_addresses import check_email, mailbox_of
from shop.logs import describe_error

logger = structlog.get_logger(__name__)

# The reply code of a completed SMTP command.
_OK = 250
SERVER_RETRY_SECONDS = 30.0
# Retry of temporary refusals, such as greylisting.
RECIPIENT_RETRY_SECONDS = 15 * 60.0
DELIVERABLE_FOR = timedelta(days=1)
_LOGO_ID = "logo@shop"
# After this time a retry counts again.
_COUNTED_FOR_SECONDS = 2 * 24 * 3600


class Budget(StrEnum):
    """Rate limit scopes, separate so that one kind of mail cannot use up another's; ``…_unverified`` twins are
    stricter.
    """

    LINK = "mail_link"  # verification
    ORDER_LINK = "mail_order_link"  # looked up without an account
    ORDER = "mail_order"  # free to trigger
    SALE = "mail_sale"  # money or a parcel has moved
    PASSWORD_RESET = "mail_reset"  # noqa: S105
    PASSWORD_CHANGED = "mail_password"  # noqa: S105


class Attachment(NamedTuple):
    filename: str
    content: bytes
    media_type: str


class Mail(NamedTuple):
    """``budget`` is None for staff.

    An unverified mailbox may belong to a stranger: ``context`` must contain no user input.
    """

    to: str
    verified: bool
    budget: Budget | None
    subject: str
    template: str
    context: dict[str, Any]
    # Called when the mail is sent; may raise `Postpone`.
    attachments: Callable[[], Sequence[Attachment]] = tuple


class Outcome(StrEnum):
    SENT = "sent"
    # By the mail server, for good or for this attempt.
    FAILED = "failed"
    # By a rate limit.
    SUPPRESSED = "suppressed"
    # The writer returned None.
    OUTDATED = "outdated"


class MailNotAccepted(Exception):
    """The mail server did not confirm the mail; the message omits the recipient."""

    def __init__(self, error: OSError, *, to: str) -> None:
        super().__init__(f"{type(error).__name__}: {error}".replace(to, "…"))


Writer = Callable[..., Mail | None]
Report = Callable[..., None]


class MailKind:
    def __init__(self, name: str, write: Writer, *, urgent: bool, report: Report | None) -> None:
        self.name = name
        self.write = write
        self._report = report
        self._kind = jobs.job(name, urgent=urgent)(self._run)

    def enqueue(self, *, delay: timedelta | None = None, **about: str) -> None:
        """Enqueue in the running transaction. ``about`` are ids, since they are stored."""
        documents.insert(self.job(delay=delay, urgent=None, **about))

    def job(self, *, delay: timedelta | None = None, urgent: bool | None = None, **about: str) -> jobs.Job:
        """Return an unsaved job, to insert several at once. ``urgent`` replaces that of the kind."""
        return self._kind.job({"mail": str(ObjectId()), **about}, delay=delay, urgent=urgent)

    def _run(self, *, mail: str, **about: str) -> None:
        _server.require()
        written = self.write(**about)
        try:
            outcome = _send(written, ObjectId(mail)) if written else Outcome.OUTDATED
        except jobs.Postpone:
            raise
        except Exception:
            self._record(Outcome.FAILED, mail, about)
            raise
        self._record(outcome, mail, about)

    def _record(self, outcome: Outcome, mail: str, about: dict[str, str]) -> None:
        if self._report:
            self._report(outcome=outcome, mail=mail, **about)


kinds: list[str] = []


def mail(name: str, *, urgent: bool = False, report: Report | None = None) -> Callable[[Writer], MailKind]:
    """Register a writer, which returns None if the mail is obsolete. ``urgent``: a person waits for the mail.

    ``report`` is called with the ``outcome`` of each attempt, the ``mail``'s id and what it is about.
    """

    def register(write: Writer) -> MailKind:
        kinds.append(name)
        return MailKind(name, write, urgent=urgent, report=report)

    return register


def storefront_url(page: str, **parameters: str) -> str:
    query = f"?{urlencode(parameters)}" if parameters else ""
    return f"{settings.FRONTEND_URL.rstrip('/')}/{page}{query}"


def _send(mail: Mail, mail_id: ObjectId) -> Outcome:
    try:
        check_email(mail.to)
    except ValidationError:
        # The account predates the check.
        logger.warning("mail_undeliverable", mail=str(mail_id))
        return Outcome.FAILED
    attachments = mail.attachments()
    if _is_over_limit(mail, mail_id):
        return Outcome.SUPPRESSED
    message = _message(mail, mail_id, attachments)
    with _server.connected() as connection:
        try:
            connection.send_messages([message])
        except smtplib.SMTPRecipientsRefused as refused:
            ((code, _),) = refused.recipients.values()
            if code < 500 and timezone.now() - mail_id.generation_time < DELIVERABLE_FOR:
                raise jobs.Postpone(RECIPIENT_RETRY_SECONDS) from refused
            return _drop(mail_id, code=code)
        except smtplib.SMTPDataError as refused:
            if not _is_about_mailbox(refused):
                raise MailNotAccepted(refused, to=mail.to) from None
            return _drop(mail_id, code=refused.smtp_code)
        except OSError as error:
            # Includes lost responses, so attempts are limited.
            raise MailNotAccepted(error, to=mail.to) from None
    return Outcome.SENT


def _is_over_limit(mail: Mail, mail_id: ObjectId) -> bool:
    """Count a mail for its mailbox; retries do not count again."""
    if not settings.RATE_LIMITS or mail.budget is None:
        return False
    if counters.count(f"mail {mail_id}", seconds=_COUNTED_FOR_SECONDS).uses > 1:
        return False
    scope = f"{mail.budget}{'' if mail.verified else '_unverified'}"
    if count_use(scope, mailbox_of(mail.to)) is None:
        return False
    logger.warning("mail_over_limit", mail=str(mail_id), code=scope)
    return True


def _drop(mail_id: ObjectId, *, code: int) -> Outcome:
    # The server's message may name the person.
    logger.warning("mail_refused", mail=str(mail_id), code=code)
    return Outcome.FAILED


def _is_about_mailbox(refused: smtplib.SMTPDataError) -> bool:
    """Return whether it concerns the recipient (RFC 3463, 5.1.x and 5.2.x)."""
    said = refused.smtp_error
    text = said.decode("ascii", "replace") if isinstance(said, bytes) else said
    return refused.smtp_code >= 500 and text.startswith(("5.1.", "5.2."))


class _MailWithLogo(EmailMultiAlternatives):
    # The logo is shown in the text, not listed as an attachment.
    mixed_subtype = "related"


def _message(mail: Mail, mail_id: ObjectId, attachments: Sequence[Attachment]) -> EmailMultiAlternatives:
    _, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    logo = Path(settings.SHOP_LOGO).read_bytes() if settings.SHOP_LOGO else b""
    text, html = render(mail, logo=f"cid:{_LOGO_ID}" if logo else "")
    message = (_MailWithLogo if logo and not attachments else EmailMultiAlternatives)(
        subject=mail.subject,
        body=text,
        to=[mail.to],
        reply_to=[settings.SUPPORT_EMAIL] if settings.SUPPORT_EMAIL else None,
        headers={
            "Message-ID": f"<{mail_id}@{address.rpartition('@')[2]}>",
            # RFC 3834: suppresses out-of-office replies.
            "Auto-Submitted": "auto-generated",
        },
    )
    message.attach_alternative(html, "text/html")
    if logo:
        picture = MIMEImage(logo)
        picture.add_header("Content-ID", f"<{_LOGO_ID}>")
        picture.add_header("Content-Disposition", "inline", filename=f"logo.{picture.get_content_subtype()}")
        message.attach(picture)
    for attachment in attachments:
        message.attach(*attachment)
    return message


def render(mail: Mail, *, logo: str) -> tuple[str, str]:
    """Return text and HTML. ``logo`` is an address, or ""."""
    context = {
        **mail.context,
        "subject": mail.subject,
        "shop": settings.SHOP_NAME,
        "storefront": settings.FRONTEND_URL,
        "support": parseaddr(settings.SUPPORT_EMAIL)[1],
        "logo": logo,
    }
    text = render_to_string(f"{mail.template}.txt", context)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n", render_to_string(f"{mail.template}.html", context)


class _Server:
    def __init__(self) -> None:
        self._unavailable_until = 0.0

    def require(self) -> None:
        if (seconds := self._unavailable_until - time.monotonic()) > 0:
            raise jobs.Postpone(seconds)

    @contextlib.contextmanager
    def connected(self) -> Iterator[BaseEmailBackend]:
        """Raises ``Postpone`` if the server is unreachable."""
        kept = _kept.get()
        connection = kept.pop() if kept else get_connection()
        is_good = False
        try:
            if not _is_open(connection):
                self._open(connection)
            yield connection
            is_good = True
        finally:
            if is_good and kept is not None:
                kept.append(connection)
            else:
                _close(connection)

    def _open(self, connection: BaseEmailBackend) -> None:
        try:
            connection.open()
        except OSError as error:
            # Permanent errors, such as a wrong password, are raised.
            lasting = isinstance(error, smtplib.SMTPResponseException) and error.smtp_code >= 500
            if lasting or isinstance(error, smtplib.SMTPNotSupportedError):
                raise
            logger.warning("mail_server_unavailable", error=describe_error(error))
            self._unavailable_until = time.monotonic() + SERVER_RETRY_SECONDS
            raise jobs.Postpone(SERVER_RETRY_SECONDS) from error


_server = _Server()
# At most one; None outside of `one_connection`.
_kept: ContextVar[list[BaseEmailBackend] | None] = ContextVar("mail_connection", default=None)


@contextlib.contextmanager
def one_connection() -> Iterator[None]:
    """Send the block's mails over one connection, which saves handshakes and logins."""
    kept: list[BaseEmailBackend] = []
    mark = _kept.set(kept)
    try:
        yield
    finally:
        _kept.reset(mark)
        for connection in kept:
            _close(connection)


def _is_open(connection: BaseEmailBackend) -> bool:
    """Return whether it needs no ``open``. Mail servers close connections that are idle or were used often."""
    smtp = getattr(connection, "connection", None)
    if smtp is None:
        return False
    with contextlib.suppress(OSError):
        if smtp.noop()[0] == _OK:
            return True
    _close(connection)
    return False


def _close(connection: BaseEmailBackend) -> None:
    # The message was accepted; ignore errors on QUIT.
    with contextlib.suppress(OSError):
        connection.close()
