"""What a checker says: which promise was broken, where, and how."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

VIOLATIONS_PER_CHECK_MAX = 20
"""Violations one check of one node reports; the rest are like them."""


class Promise(Enum):
    """The promises of DESIGN section 14 that are checked."""

    KEPT = "P1"
    """An acknowledged record is present at its origin, and delivered or withheld at every hop above."""
    ONCE = "P2"
    """Each record exactly once per node, with the content that was made."""
    ORDER = "P3"
    """Within a stream, live runs that are no backfill ascend in journal order."""
    GOVERNED = "P4"
    """Nothing forbidden on the wire, nothing forbidden committed."""
    CONVERGED = "P5"
    """After heal and quiesce, everything permitted is everywhere it may be, and queues are empty."""
    BOUNDED = "P6"
    """No node exceeds its quota; what is let go for want of room goes in the stated order."""
    TIMELY = "P7"
    """An alarm takes two seconds at most for a hop, while a backlog drains over the same thin link."""
    ACCOUNTED = "P8"
    """produced = delivered + withheld + expired + lost + pending at every hop; in the end nothing pending, nothing lost."""
    AUDITED = "P9"
    """The audit log of every node is whole, whatever became of its disk."""
    SCRIPT = "case"
    """What the script of a hard case asks for (simulations/scenarios)."""
    RUNS = "run"
    """The product did not stop with an error of its own."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise."""

    promise: Promise
    node: str
    text: str

    @property
    def line(self) -> str:
        """The violation as one line."""
        return f"{self.promise.value} {self.node}: {self.text}"
