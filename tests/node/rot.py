"""Damage under whoever reads a journal by position: a batch is away while the block runs, and whole again in its old place after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from node.store.journal import SqliteJournal
from sync.core.repairing import DAMAGED_REASON
from sync.model.writes import PutBack, SetAside


@contextmanager
def away(journal: SqliteJournal, lsn: int) -> Iterator[None]:
    """Set the batch at `lsn` aside, and put it back at the end."""
    whole = journal.batch(lsn)
    assert whole is not None
    journal.commit([SetAside(lsn, decider=journal.node, reason=DAMAGED_REASON)])
    yield
    journal.commit([PutBack(whole)])
