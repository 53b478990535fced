"""A real journal that tests fill with real payloads of the preset catalogue, origin by origin."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from node.engine.rowfacts import facts_of
from node.store.journal import SqliteJournal, open_journal
from policies.catalogue import Scalar
from sync.model import Batch, BatchHeader, HybridTime, Lane, Run, StoredBatch
from sync.wire.payload import decoded_size, encode_payload
from tests.contracts.batches import commit_of
from tests.policies.city import city, rows_of

NODE, INCARNATION = "street", 7
UNDATED = HybridTime(0)


@dataclass(slots=True)
class Shelf:
    """A journal of node `street`; `add` appends one batch of one origin."""

    journal: SqliteJournal
    batches: list[StoredBatch] = field(default_factory=list)
    _numbers: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(
        self, code: str, rows: Sequence[dict[str, Scalar]], *, origin: str = NODE, duplicate: bool = False, distance: int = 0
    ) -> StoredBatch:
        """Append `rows`, what is left out taken from the resource's specimen."""
        resource = city().resources[code]
        stored = self.append(rows_of(resource, rows), code=code, lane=resource.lane, origin=origin, duplicate=duplicate, distance=distance)
        self.journal.commit(commit_of(stored, after=self.batches[:-1]))
        return stored

    def append(
        self,
        rows: pa.RecordBatch,
        *,
        code: str,
        lane: Lane,
        origin: str,
        duplicate: bool = False,
        distance: int = 0,
        at: HybridTime = UNDATED,
    ) -> StoredBatch:
        """The next batch, not committed."""
        payload = encode_payload(rows, compression="lz4")
        first = self._numbers[(origin, code)] + 1
        self._numbers[(origin, code)] += rows.num_rows
        run = Run(origin, INCARNATION, first, first + rows.num_rows - 1, 0, at=at)
        facts = facts_of(rows)
        header = BatchHeader(
            code, lane, 1, rows.num_rows, (run,), hashlib.sha256(payload).digest(), len(payload), decoded_size(payload),
            facts.event_time_min_us, facts.event_time_max_us, facts.grade_max, facts.territories, origin_distance=distance,
        )  # fmt: skip
        stored = StoredBatch(len(self.batches) + 1, Batch(header, payload), origin, (0,) if duplicate else ())
        self.batches.append(stored)
        return stored


def open_shelf(folder: Path, *, node: str = NODE) -> Shelf:
    """An empty shelf of `node` in `folder`."""
    return Shelf(open_journal(folder / "journal.db", node=node, incarnation=INCARNATION))
