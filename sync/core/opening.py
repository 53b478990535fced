"""Batches that came inside sealed envelopes: a node that opened one takes what is in it, under the numbers of the origins.

To the books it is one more way by which records come: what is present already is a duplicate, what was withheld becomes present, and what
the opener may not hold is entered as withheld. No position moves, because the link that brought the envelope accounted for the envelope
alone. Opening and judging are the shell's. Called by the engine.
"""

from __future__ import annotations

from dataclasses import replace

from sync.core.desk import Desk
from sync.core.ready import Arrived
from sync.model import Batch, Instant


class Opening:
    """The rules of one node for what it takes out of envelopes."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def take(self, batch: Batch, sealer: str, now: Instant) -> bool:
        """Enter and store a batch that `sealer` had sealed; False when nothing of it was news. Records of this very life are not taken.

        It is marked as backfill: other records of its streams may have come before it by other ways.
        """
        header = batch.header
        own = (self._desk.node, self._desk.incarnation)
        if any((run.origin, run.incarnation) == own for run in header.runs):
            return False
        accounted = self._desk.books.account(header)
        if not accounted.is_news:
            return False
        header = replace(header, runs=accounted.runs, backfill=True)
        payload = batch.payload if header.row_count else b""
        stored = self._desk.append(replace(batch, header=header, payload=payload), sealer, accounted.duplicates, now)
        self._desk.turn.events.append(Arrived(sealer, stored.lsn, header.resource, header.direction))
        return True
