"""Account mails; inactive accounts get none."""

from typing import Any

from bson import ObjectId

from accounts.links import EMAIL_CHANGE, INVITATION, RESET, VERIFICATION, Link
from accounts.models import User
from shop.jobs import mails
from shop.jobs.mails import Budget, Mail

# By template.
SUBJECTS = {
    "email_change": "Confirm your new e-mail address",
    "email_change_notice": "Your e-mail address is about to change",
    "email_changed": "Your e-mail address was changed",
    "invitation": "You are invited to the team",
    "new_password": "Your password was changed",
    "reset": "Choose a new password",
    "verification": "Confirm your e-mail address",
    "welcome": "Welcome",
}


@mails.mail("accounts.welcome_mail", urgent=True)
def welcome_mail(*, user: str) -> Mail | None:
    if (person := _recipient(user)) is None:
        return None
    context = _link_context(VERIFICATION, person) | ({"link": ""} if person.email_verified else {})
    return _to(person, Budget.LINK, "welcome", context)


@mails.mail("accounts.verification_mail", urgent=True)
def verification_mail(*, user: str) -> Mail | None:
    person = _recipient(user)
    if person is None or person.email_verified:
        return None
    context = _link_context(VERIFICATION, person)
    return _to(person, Budget.LINK, "verification", context)


@mails.mail("accounts.reset_mail", urgent=True)
def reset_mail(*, user: str) -> Mail | None:
    if (person := _recipient(user)) is None:
        return None
    return _to(person, Budget.PASSWORD_RESET, "reset", _link_context(RESET, person))


@mails.mail("accounts.staff_reset_mail", urgent=True)
def staff_reset_mail(*, user: str, admin: str) -> Mail | None:
    """``admin`` is the address of the admin."""
    if (person := _recipient(user)) is None or not person.is_staff:
        return None
    context = {
        "link": f"{admin}choose-password/{person.pk}/{RESET.token(person)}/",
        "good_for": RESET.lifetime_in_words,
    }
    return _to(person, Budget.PASSWORD_RESET, "reset", context)


@mails.mail("accounts.invitation_mail", urgent=True)
def invitation_mail(*, user: str, admin: str) -> Mail | None:
    """``admin`` is the address of the admin."""
    if (person := _recipient(user)) is None or not person.is_staff:
        return None
    link = admin
    if not person.has_usable_password():
        link = f"{admin}accept-invitation/{person.pk}/{INVITATION.token(person)}/"
    context = {"link": link, "good_for": INVITATION.lifetime_in_words, "is_new": link != admin}
    # Written by a superuser to a mailbox that they chose: no budget.
    return _to(person, None, "invitation", context)


@mails.mail("accounts.new_password_mail", urgent=True)
def new_password_mail(*, user: str) -> Mail | None:
    """Another person may have changed the password."""
    if (person := _recipient(user)) is None:
        return None
    context = {"link": mails.storefront_url("forgot-password")}
    return _to(person, Budget.PASSWORD_CHANGED, "new_password", context)


@mails.mail("accounts.email_change_mail", urgent=True)
def email_change_mail(*, user: str) -> Mail | None:
    person = _recipient(user)
    if person is None or not person.new_email or User.objects.filter(email=person.new_email).exists():
        return None
    return Mail(
        to=person.new_email,
        verified=False,
        budget=Budget.LINK,
        subject=SUBJECTS["email_change"],
        template="accounts/mails/email_change",
        context={**_link_context(EMAIL_CHANGE, person), "name": ""},
    )


@mails.mail("accounts.email_change_notice", urgent=True)
def email_change_notice(*, user: str, address: str) -> Mail | None:
    """Notify the current address, whose owner may not have requested the change."""
    return _notice(user, address, "email_change_notice")


@mails.mail("accounts.email_changed_mail", urgent=True)
def email_changed_mail(*, user: str, address: str) -> Mail | None:
    return _notice(user, address, "email_changed")


def _notice(user: str, address: str, template: str) -> Mail | None:
    if (person := _recipient(user)) is None:
        return None
    return Mail(
        to=address,
        verified=person.email_verified and person.email == address,
        budget=Budget.PASSWORD_CHANGED,
        subject=SUBJECTS[template],
        template=f"accounts/mails/{template}",
        context={"link": mails.storefront_url("forgot-password"), "name": ""},
    )


def salutation(user: User) -> str:
    """Return the name; "" if unverified, because another person may have typed any text."""
    return " ".join(user.name.split()) if user.email_verified else ""


def _recipient(user: str) -> User | None:
    return User.objects.active().filter(pk=ObjectId(user)).first()


def _link_context(link: Link, user: User) -> dict[str, str]:
    return {"link": link.url(user), "good_for": link.lifetime_in_words}


def _to(user: User, budget: Budget | None, template: str, context: dict[str, Any]) -> Mail:
    return Mail(
        to=user.email,
        verified=user.email_verified,
        budget=budget,
        subject=SUBJECTS[template],
        template=f"accounts/mails/{template}",
        context={**context, "name": salutation(user)},
    )
