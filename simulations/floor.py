"""The floor under a seed's CPU: the very commits that its nodes made, replayed into empty journals with nothing around them.

The same transactions with the same rows, in the same order for each node, with the same tuning; making the rows is not counted. What a
seed costs beyond that is the engine, the pipelines, the simulator and the checkers. Called by simulations/run.py after the run.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from node.store.file import open_writer
from node.store.schema import Tuning
from node.store.write_set import Counters, WriteSet
from simulations.disks import format_disk, wipe_disk
from sync.model.writes import StoreBatch, Write

Commit = Sequence[Write]


@dataclass(slots=True)
class CommitLog:
    """What a world's journals committed, by node."""

    is_kept: bool = True
    """False: count only."""
    commits: dict[str, list[Commit]] = field(default_factory=dict)
    watcher: Callable[[str, Commit], None] | None = None
    """Told of every commit, with its node."""
    count: int = 0
    """Transactions."""

    def add(self, node: str, writes: Commit) -> None:
        """A commit that went through. One that a power cut fell into is not entered: nobody knows what of it is there."""
        self.count += 1
        if self.is_kept:
            self.commits.setdefault(node, []).append(writes)
        if self.watcher is not None:
            self.watcher(node, writes)

    def replay_s(self, folder: Path, tuning: Tuning) -> float:
        """CPU seconds of the bare transactions; `folder` is for their files."""
        total = 0.0
        for node, commits in self.commits.items():
            total += _replay(folder / node / "journal.db", commits, tuning)
            wipe_disk(folder / node)
        return total


def _replay(path: Path, commits: Sequence[Commit], tuning: Tuning) -> float:
    format_disk(path, node="floor", incarnation=1, tuning=tuning)
    connection = open_writer(path, tuning)
    spent = 0.0
    ledger_id = refusal_id = 0
    try:
        for writes in commits:
            first = next((write.stored.lsn for write in writes if isinstance(write, StoreBatch)), 1)
            rows = WriteSet.of(writes, Counters(first - 1, ledger_id, refusal_id))
            ledger_id, refusal_id = rows.ledger_id, rows.refusal_id
            started = time.process_time()
            _commit(connection, rows)
            spent += time.process_time() - started
    finally:
        connection.close()
    return spent


def _commit(connection: sqlite3.Connection, rows: WriteSet) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        rows.insert(connection)
    except sqlite3.IntegrityError:
        # The disk was exchanged for an older one: numbers come twice, which one file cannot hold. Not counted, so the floor is lower.
        connection.execute("ROLLBACK")
        return
    connection.execute("COMMIT")
