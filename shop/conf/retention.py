"""How long rows are kept that no one deletes; 0 means for ever."""

from shop.conf.base import env

STAFF_ACTIONS_DAYS = env.whole_number("STAFF_ACTIONS_DAYS", default=730, at_least=0, at_most=36_500)
# Stock movements of older months are replaced by sums.
STOCK_MOVEMENT_MONTHS = env.whole_number("STOCK_MOVEMENT_MONTHS", default=24, at_least=0, at_most=1200)
# Changes that integrations read; a cursor that is older answers 410.
CHANGES_RETENTION_DAYS = env.whole_number("CHANGES_RETENTION_DAYS", default=30, at_least=0, at_most=36_500)
