"""What a hop gets of a batch whose payload was let go before it went there: the account of its records, never silence.

Called by node/engine/pipeline.py. The rows are gone, so nobody can decide over them any more; what the header alone closes or sends
elsewhere is decided there before.
"""

from __future__ import annotations

from dataclasses import replace

from sync.model import NO_ROWS, Run, State, StoredBatch
from sync.ports import Outcome, Released

REASONS = {State.RETENTION: "retention", State.SHED: "shed"}
"""Reason class by why the payload went."""


def account_of_freed(stored: StoredBatch, plan_hash: bytes, *, decider: str) -> Released:
    """The runs of a freed batch: those that had rows are expired by `decider`, the others stay what they were."""
    assert stored.freed in REASONS, "an account for a batch that has its payload"

    def expired(run: Run) -> Run:
        if not run.state.has_rows:
            return run
        return replace(run, row_offset=NO_ROWS, state=stored.freed, reason=REASONS[stored.freed], decider=decider)

    return Released(Outcome.REWRITTEN, tuple(expired(run) for run in stored.batch.header.runs), None, plan_hash)
