from email.utils import parseaddr
from urllib.parse import urlsplit

from shop.conf.base import DEBUG, checks, env
from shop.conf.security import FRONTEND_URL

EMAIL_URL = env.str("EMAIL_URL", default="consolemail://" if DEBUG else "")
checks.require(
    EMAIL_URL,
    "EMAIL_URL is not set: the shop sends mail to its customers; e.g. smtp+tls://user:password@host:587.",
)
vars().update(
    env.address(
        "EMAIL_URL", env.email_url_config, EMAIL_URL or "dummymail://", such_as="smtp+tls://user:password@host:587"
    )
)
# Per SMTP step.
EMAIL_TIMEOUT = 10
_storefront_host = (urlsplit(FRONTEND_URL).hostname or "localhost").removeprefix("www.")
if _storefront_host == "127.0.0.1":
    # That of `manage.py run`; no mail comes from a number.
    _storefront_host = "localhost"
# https://www.iana.org/assignments/special-use-domain-names; tests use "example" and "test".
UNDELIVERABLE_TOP_LEVEL_DOMAINS = frozenset({"alt", "arpa", "internal", "invalid", "local", "localhost", "onion"})
if not DEBUG:
    UNDELIVERABLE_TOP_LEVEL_DOMAINS |= {"example", "test"}
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="") or f"shop@{_storefront_host}"
checks.mail_address("DEFAULT_FROM_EMAIL", DEFAULT_FROM_EMAIL)
SHOP_NAME = parseaddr(DEFAULT_FROM_EMAIL)[0] or "Shop"
SERVER_EMAIL = DEFAULT_FROM_EMAIL
ORDER_NOTICE_EMAILS = env.list("ORDER_NOTICE_EMAILS", default=[])
for _address in ORDER_NOTICE_EMAILS:
    checks.mail_address("ORDER_NOTICE_EMAILS", _address)
# Answers to mails go there; also named in their footers.
SUPPORT_EMAIL = env.str("SUPPORT_EMAIL", default="")
if SUPPORT_EMAIL:
    checks.mail_address("SUPPORT_EMAIL", SUPPORT_EMAIL)
