"""Judging again what a source says it corrected: the newest version of each record, from the first bad one on.

Where the resource has a key, a later record of the same key is the version that counts, and nothing passes while one newest version is bad.
Without a key records have no versions: then the newest batch of the source must be good. Called by the desk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from node.quality.hashing import Hashes
from node.quality.judging import broken, key_hashes
from node.quality.projection import STEP_BATCHES_MAX, STEP_BYTES_MAX, Projection, lot_of, verdicts_of
from node.store.records import live_parts
from policies.arrow import Chosen
from policies.catalogue import Resource
from policies.quality import Check
from sync.model import Span, StoredBatch

OPEN_KEYS_MAX = 8_000_000
"""Records with a bad newest version that are kept in mind; with more nothing passes."""


@dataclass(slots=True)
class Recheck:
    """What judging again found."""

    judged: int = 0
    still_bad: int = 0

    @property
    def passes(self) -> bool:
        """True when something was judged and nothing is bad any more."""
        return self.judged > 0 and not self.still_bad


@dataclass(slots=True)
class _Newest:
    """The state of the newest versions, batch by batch."""

    by_key: bool
    found: Recheck
    open: Hashes

    def take(self, hashes: list[Hashes], bad: list[Chosen]) -> None:
        if not bad:
            return
        self.found.judged += sum(len(one) for one in bad)
        if not self.by_key:
            self.found.still_bad = int(np.count_nonzero(bad[-1]))
            return
        keys, flags = np.concatenate(hashes)[::-1], np.concatenate(bad)[::-1]
        newest, firsts = np.unique(keys, return_index=True)
        is_bad = flags[firsts]
        kept = self.open[~np.isin(self.open, newest)]
        self.open = np.union1d(kept, newest[is_bad])[:OPEN_KEYS_MAX]
        self.found.still_bad = len(self.open)


def recheck(projection: Projection, resource: Resource, origin: str, rule: str, *, first_lsn: int) -> Iterator[Recheck]:
    """Judge the records of `origin` from `first_lsn` on by one rule again, in short steps; the last of what it gives is the finding.

    Blocking; raises QualityError, JournalCorrupt.
    """
    checks = {one.id: one.check for one in resource.quality.rules}
    by_key = bool(resource.quality.key) and checks.get(rule) not in (None, Check.UNIQUE)
    newest = _Newest(by_key, Recheck(), np.zeros(0, np.uint64))
    after, upto = max(0, first_lsn - 1), projection.journal.last_lsn
    while after < upto:
        span = Span(after, upto)
        batches = projection.journal.find(resource.code, span, batches_max=STEP_BATCHES_MAX, bytes_max=STEP_BYTES_MAX)
        if not batches:
            break
        after = batches[-1].lsn
        hashes: list[Hashes] = []
        flags: list[Chosen] = []
        for stored in batches:
            _judge(projection, resource, stored, origin, rule, newest, hashes, flags)
        newest.take(hashes, flags)
        yield newest.found


def _judge(
    projection: Projection,
    resource: Resource,
    stored: StoredBatch,
    origin: str,
    rule: str,
    newest: _Newest,
    hashes: list[Hashes],
    flags: list[Chosen],
) -> None:
    """Add one batch's rows of `origin`: their keys, and which are bad."""
    memory = projection.begin()
    parts = [(part, run) for part, run in live_parts(stored) if run.origin == origin]
    if not parts:
        return
    numbers = memory.numbers([origin])
    lot = lot_of(resource, parts, numbers)
    known = {one.id: one for one in resource.quality.rules}
    source = numbers.get(resource.quality.source, -1)
    bad = broken(known[rule], lot, memory) if rule in known else verdicts_of(lot, memory, source).get(rule)
    keys = key_hashes(resource.quality.key, lot, memory.seed) if newest.by_key else None
    if newest.by_key and keys is None:
        newest.by_key = False
    if bad is not None:
        flags.append(bad)
        hashes.append(keys if keys is not None else np.zeros(len(bad), np.uint64))
