"""When neighbours are asked for a damaged batch again, and what each said last.

Owns: the times, by batch; the peers whose session began since; the words that the status shows. A batch that nobody gave back is lost, and
asked for again all the same: slowly, and of a neighbour whose session begins anew. Refuses nothing and asks nobody: that is asking.py.
Pure but for what it remembers. Called by desk.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

RETRY_S = 5.0
"""Wait between two rounds of questions while a neighbour is away or has not sent again yet."""
LATER_S = 60.0
"""Wait after a neighbour said that it may have the batch later."""
LATER_ROUNDS_MAX = 10
"""Rounds that end with such a word after which the records count as lost until somebody gives them."""
LOST_S = 3_600.0
"""Wait between two rounds for records that are lost."""
LOST_AT_ONCE_MAX = 256
"""Lost batches that one round asks for; the others wait for the next."""
MET_PAUSE_S = 60.0
"""A peer whose sessions begin more often than this is asked as one that was there all the time."""


class Outcome(Enum):
    """What a round of questions led to, for one batch."""

    REPAIRED = "repaired"
    COMING = "coming"
    """A neighbour sends the records again."""
    LATER = "later"
    """A neighbour had it, and its own copy is damaged or not within reach at the moment."""
    NOBODY = "nobody"
    """Every neighbour that could have it answered that it has not."""
    WAITING = "waiting"
    """A neighbour that could have it is away."""


PAUSE_S = {Outcome.COMING: RETRY_S, Outcome.LATER: LATER_S, Outcome.NOBODY: LOST_S, Outcome.WAITING: RETRY_S}


@dataclass(slots=True)
class Rounds:
    """The batches that are asked for, by lsn."""

    _due_s: dict[int, float] = field(default_factory=dict)
    _later: dict[int, int] = field(default_factory=dict)
    """Rounds that ended with LATER, one after the other."""
    _met_s: dict[str, float] = field(default_factory=dict)
    """When the session of a peer began that counted as a beginning."""
    _newly_met: set[str] = field(default_factory=set)
    said: dict[int, dict[str, str]] = field(default_factory=dict)
    """By lsn: what each neighbour answered last, in a word."""

    def met(self, peer: str, now_s: float) -> bool:
        """A session with `peer` begins; True when it is asked at once for what is missing."""
        last_s = self._met_s.get(peer)
        if last_s is not None and now_s - last_s < MET_PAUSE_S:
            return False
        self._met_s[peer] = now_s
        self._newly_met.add(peer)
        return True

    def take_met(self) -> frozenset[str]:
        """The peers whose session began since the last round."""
        met, self._newly_met = frozenset(self._newly_met), set()
        return met

    def is_due(self, lsn: int, now_s: float) -> bool:
        """True when all who may have a batch are asked for it now; else only those whose session just began."""
        return self._due_s.get(lsn, 0.0) <= now_s

    def ended(self, lsn: int, outcome: Outcome, now_s: float) -> Outcome:
        """A round for a batch led to `outcome`; the outcome that it counts as."""
        if outcome is Outcome.REPAIRED:
            self.forget(lsn)
            return outcome
        self._later[lsn] = self._later.get(lsn, 0) + 1 if outcome is Outcome.LATER else 0
        counted = Outcome.NOBODY if self._later[lsn] >= LATER_ROUNDS_MAX else outcome
        self._due_s[lsn] = now_s + PAUSE_S[counted]
        return counted

    def forget(self, lsn: int) -> None:
        """A batch is asked for no more."""
        for memory in (self._due_s, self._later, self.said):
            memory.pop(lsn, None)

    def next_in_s(self, lsns: Iterable[int], now_s: float) -> float | None:
        """Seconds until the next of these batches is due, RETRY_S at least; None without any."""
        dues = [self._due_s.get(lsn, 0.0) for lsn in lsns]
        return max(RETRY_S, min(dues) - now_s) if dues else None
