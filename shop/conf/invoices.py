"""The seller on invoices, and their numbers. Without a seller no invoices are issued."""

from shop.conf.base import DEBUG, checks, env

SELLER_NAME = env.str("SELLER_NAME", default="Demo Shop Ltd" if DEBUG else "")
# Lines, with the country.
SELLER_ADDRESS = env.list(
    "SELLER_ADDRESS", default=["1 Sample Street", "London N1 1AA", "United Kingdom"] if DEBUG else []
)
SELLER_TAX_ID = env.str("SELLER_TAX_ID", default="GB999999973" if DEBUG else "")
# Number in the commercial register.
SELLER_REGISTRATION = env.str("SELLER_REGISTRATION", default="")
SELLER_CONTACT = env.str("SELLER_CONTACT", default="")
INVOICES_ENABLED = bool(SELLER_NAME and SELLER_ADDRESS)
if bool(SELLER_NAME) != bool(SELLER_ADDRESS):
    checks.report_unusable("SELLER_NAME and SELLER_ADDRESS are needed together; set neither to issue no invoices.")
# Printed below the totals.
INVOICE_NOTE = env.str("INVOICE_NOTE", default="")
INVOICE_NUMBERS_RESTART_YEARLY = env.switch("INVOICE_NUMBERS_RESTART_YEARLY", default=True)
INVOICE_NUMBER = env.number_format(
    "INVOICE_NUMBER", default="{year}-{number:06}", is_yearly=INVOICE_NUMBERS_RESTART_YEARLY
)
CREDIT_NOTE_NUMBER = env.number_format(
    "CREDIT_NOTE_NUMBER", default="CN-{year}-{number:06}", is_yearly=INVOICE_NUMBERS_RESTART_YEARLY
)
if INVOICE_NUMBER == CREDIT_NOTE_NUMBER:
    checks.report_unusable("INVOICE_NUMBER and CREDIT_NOTE_NUMBER must differ.")
# Full calendar years, as tax law requires; 0 means for ever.
INVOICE_YEARS = env.whole_number("INVOICE_YEARS", default=10, at_least=0, at_most=100)
