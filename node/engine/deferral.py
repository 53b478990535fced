"""Fresh first: of a backlog that waited for a link, the accounts go at once and the records follow when there is room.

Owns: which batches are put off, and the account that goes instead of one. Its records are held with reason `deferred`, so the requeue path
brings them later as backfill. Refuses: state, whose newer values must not be overtaken by older ones. Called by node/engine/pipeline.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sync.core.inbox import empty_header
from sync.core.lanes import DEFERRED_REASON, FRESH_FIRST_LANES
from sync.core.ready import OutboundJob
from sync.model import NO_ROWS, Batch, Lane, Run, State, StoredBatch


@dataclass(frozen=True, slots=True)
class FreshFirst:
    """What the configuration puts off; every lane that may be, unless it says less."""

    whole: frozenset[Lane] = FRESH_FIRST_LANES
    """Lanes of which everything is put off."""
    resources: frozenset[str] = frozenset()
    """Resources that are put off in the other lanes."""

    @staticmethod
    def of(words: Sequence[str]) -> FreshFirst:
        """From `links.fresh_first`: words of lanes, and resources."""
        lanes = {lane.word: lane for lane in FRESH_FIRST_LANES}
        whole = frozenset(lanes[word] for word in words if word in lanes)
        return FreshFirst(whole, frozenset(words) - set(lanes))

    @property
    def lanes(self) -> frozenset[Lane]:
        """Lanes in which something may be put off: a resource of the catalogue may be of any of them."""
        return FRESH_FIRST_LANES if self.resources else self.whole

    def puts_off(self, stored: StoredBatch) -> bool:
        """True for a batch whose records may wait."""
        header = stored.batch.header
        return header.lane in FRESH_FIRST_LANES and (header.lane in self.whole or header.resource in self.resources)


def deferred(job: OutboundJob, found: Sequence[StoredBatch], fresh: FreshFirst, *, node: str) -> Sequence[StoredBatch]:
    """`found`, with accounts in place of the batches that `job` puts off; what comes back as backfill goes whole."""
    if not found or found[0].lsn > job.defer_upto:
        return found
    return [_account(stored, node) if _is_put_off(stored, job) and fresh.puts_off(stored) else stored for stored in found]


def _is_put_off(stored: StoredBatch, job: OutboundJob) -> bool:
    header = stored.batch.header
    return stored.lsn <= job.defer_upto and bool(header.row_count) and not header.backfill and not stored.freed


def _account(stored: StoredBatch, node: str) -> StoredBatch:
    runs = tuple(_held(run, node) for run in stored.batch.header.runs)
    # No manifest speaks for this header, so none goes along.
    return replace(stored, batch=Batch(empty_header(stored.batch.header, runs), b""))


def _held(run: Run, node: str) -> Run:
    if not run.state.has_rows:
        return run
    return replace(run, row_offset=NO_ROWS, state=State.HELD, reason=DEFERRED_REASON, decider=node)
