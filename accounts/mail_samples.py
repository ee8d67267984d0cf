from functools import partial

from accounts.mails import SUBJECTS
from shop.jobs import mail_samples, mails
from shop.jobs.mails import Mail


def register() -> None:
    for template in SUBJECTS:
        mail_samples.register(f"accounts/mails/{template}", partial(_sample, template))


def _sample(template: str) -> Mail:
    context = {"name": "Ada Lovelace", "link": mails.storefront_url("link"), "good_for": "1 hour", "is_new": True}
    return Mail(
        to="ada@example.com",
        verified=True,
        budget=None,
        subject=SUBJECTS[template],
        template=f"accounts/mails/{template}",
        context=context,
    )
