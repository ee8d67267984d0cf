"""How long rows are kept that no one deletes; 0 means for ever."""

from shop.conf.base import env

STAFF_ACTIONS_DAYS = env.whole_number("STAFF_ACTIONS_DAYS", default=730, at_least=0, at_most=36_500)
