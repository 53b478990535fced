"""Fresh first: of a backlog that waited for a link, the accounts go at once and the records follow when there is room.

Owns: the account that goes instead of an old batch. Its records are held with reason `deferred`, so the requeue path brings them later
as backfill. Called by node/pipeline.py for lanes that the configuration names fresh-first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sync.core.inbox import empty_header
from sync.core.lanes import DEFERRED_REASON
from sync.core.ready import OutboundJob
from sync.model import NO_ROWS, Batch, Run, State, StoredBatch


def deferred(job: OutboundJob, found: Sequence[StoredBatch], *, node: str) -> Sequence[StoredBatch]:
    """`found`, with accounts in place of the batches that `job` puts off; what comes back as backfill goes whole."""
    if not found or found[0].lsn > job.defer_upto:
        return found
    return [_account(stored, node) if _is_put_off(stored, job) else stored for stored in found]


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
