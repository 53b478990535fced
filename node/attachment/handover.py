"""What a node with a new parent need not send again: batches that the old parent got whole, and that its own parent has too.

Owns: the account that goes instead. A batch of which the old parent lacks a single record goes in full, because an account must never
hide one; the new parent's side finds the others to be known. So does one whose records came here after an account of them (held, lost): the
new parent is told that account too, and "handed over" replaces nothing. Called by node/engine/pipeline.py and by node/sealed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from sync.core.inbox import empty_header
from sync.core.ready import OutboundJob
from sync.model import NO_ROWS, Batch, Fate, Lane, Run, RunMap, State, StoredBatch, Stream

HANDED_OVER_REASON = "handed-over"
"""Reason class of records that went up by way of the old parent."""


class UpwardBooks(Protocol):
    """What the share ledger says of a hop upward: node/store/journal.py."""

    def delivered_to(self, peer: str) -> Mapping[Stream, RunMap]:
        """What became of every record on its way to `peer`, by stream."""


class Handover:
    """The accounts that spare a new parent what the old one has."""

    def __init__(self, books: UpwardBooks, node: str) -> None:
        self._books = books
        self._node = node
        self._had: dict[str, Mapping[Stream, RunMap]] = {}
        """By former parent. Its books do not change any more, so they are read once."""

    def spare(self, job: OutboundJob, found: Sequence[StoredBatch]) -> Sequence[StoredBatch]:
        """`found`, with accounts in place of the batches that `job` spares."""
        if not found or found[0].lsn > job.accounts_upto:
            return found
        return [self._account(stored) if self._is_spared(stored, job) else stored for stored in found]

    def _is_spared(self, stored: StoredBatch, job: OutboundJob) -> bool:
        return stored.lsn <= job.accounts_upto and not _follows_an_account(stored) and self.had_whole(job.peer.former, stored)

    def had_whole(self, former: str, stored: StoredBatch) -> bool:
        """True when every record of a batch was delivered to a parent that this node had before."""
        if former not in self._had:
            self._had[former] = self._books.delivered_to(former)
        return _got_whole(stored, self._had[former])

    def _account(self, stored: StoredBatch) -> StoredBatch:
        runs = tuple(self._handed_over(run) for run in stored.batch.header.runs)
        # No manifest speaks for this header, so none goes along; what is freed here is no loss where it was delivered.
        return replace(stored, batch=Batch(empty_header(stored.batch.header, runs), b""), freed=State.PENDING)

    def _handed_over(self, run: Run) -> Run:
        if not run.state.has_rows:
            return run
        return replace(run, row_offset=NO_ROWS, state=State.HANDED_OVER, reason=HANDED_OVER_REASON, decider=self._node)


def _follows_an_account(stored: StoredBatch) -> bool:
    """True when records of `stored` were accounted for here before they came: what is put back by this node itself counts as known."""
    return stored.batch.header.backfill and any(run.state.has_rows for run in stored.live_runs)


def _got_whole(stored: StoredBatch, had: Mapping[Stream, RunMap]) -> bool:
    header = stored.batch.header
    held = [run for run in header.runs if run.state.has_rows]
    return bool(held) and all(_is_delivered(run, had.get(run.stream(Lane(header.lane), header.resource))) for run in held)


def _is_delivered(run: Run, delivered: RunMap | None) -> bool:
    return delivered is not None and all(piece.state.fate is Fate.DELIVERED for piece in delivered.pieces(run.first, run.last))
