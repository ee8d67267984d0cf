"""Counting what a piece of code costs the processor, in a measure that does not depend on the machine's mood.

with count_instructions() as counted:
    client.get("/api/v1/products/")
assert counted.instructions < 60_000
"""

import contextlib
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any


class Counted:
    """How many of Python's bytecode instructions a block has run in this thread; what C code did is not among them."""

    instructions = 0


@contextlib.contextmanager
def count_instructions() -> Iterator[Counted]:
    """Count the bytecode instructions of every function that the block calls."""
    counted = Counted()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        elif event == "opcode":
            counted.instructions += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield counted
    finally:
        sys.settrace(before)
