"""Changes of objects, in one order for all readers.

A transaction records its changes as one document, without a position: no two of them write the same document. The
worker then gives positions 1, 2, 3 … in a transaction of its own, so that a reader who keeps the position of the last
change that it has read misses none.
"""

from shop.changes.kinds import Kind, register
from shop.changes.recording import record, record_all

__all__ = ["Kind", "record", "record_all", "register"]
