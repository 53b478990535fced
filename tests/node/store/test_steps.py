"""The power goes between any two steps of the journal, or inside one, or any byte of the log is wrong: what was acknowledged is there."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from node.audit.walk import walk
from node.store.file import create_file
from node.store.journal import SqliteJournal, open_journal
from node.store.schema import Tuning
from node.store.torn import DiskImage, torn, unsynced_bytes
from sync.model import State, StoredBatch
from sync.model.writes import Write
from tests.contracts.batches import INCARNATION, NODE, commit_of, run, stored
from tests.node.store.steps import STEPS, Bench, Step
from tests.node.store.test_torn import FRAME_HEADER_BYTES, PAGE_BYTES, WAL_HEADER_BYTES

SEED = 20_261_121
TUNING = Tuning(page_bytes=PAGE_BYTES, checkpoint_bytes=1 << 30)
UNSYNCED = replace(TUNING, is_synced=False)
BATCHES_PER_COMMIT = 2
FRAME_BYTES = FRAME_HEADER_BYTES + PAGE_BYTES
CUTS = 6
"""Places inside a step's unsynced bytes where the power goes, beside its beginning and end."""


def batch(lsn: int) -> StoredBatch:
    return stored(lsn, [run(lsn, lsn)], payload=Random(lsn).randbytes(9_000))


def commits(count: int) -> list[list[Write]]:
    """Commits of two batches each."""
    pairs = [[batch(first), batch(first + 1)] for first in range(1, count * BATCHES_PER_COMMIT, BATCHES_PER_COMMIT)]
    return [commit_of(*pair, after=[batch(lsn) for lsn in range(1, pair[0].lsn)]) for pair in pairs]


def opened(path: Path) -> SqliteJournal:
    return open_journal(path, node=NODE, incarnation=INCARNATION, tuning=UNSYNCED)


def check(image: DiskImage, path: Path, *, acked: set[int], freed: set[frozenset[int]]) -> int:
    """Open what is left: exactly one of the acknowledged states, whole; the newest lsn."""
    image.write(path)
    journal = opened(path)
    top = journal.last_lsn
    assert top in acked
    found = [journal.batch(lsn) for lsn in range(1, top + 1)]
    gone = frozenset(entry.lsn for entry in found if entry is not None and entry.freed is not State.PENDING)
    assert gone in freed
    assert all(entry is not None and (entry.lsn in gone or entry.batch == batch(entry.lsn).batch) for entry in found)
    assert [run_map.top for run_map in journal.recover().streams.values()] == [top] * bool(top)
    assert journal.verify() == []
    assert journal.look("walk over the audit log", walk).findings == []
    journal.close()
    return top


@pytest.mark.slow
def test_a_crash_between_or_inside_any_two_steps_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    path, left, rng = tmp_path / "journal.db", tmp_path / "left.db", Random(SEED)
    create_file(path, node=NODE, incarnation=INCARNATION, tuning=TUNING)
    bench = Bench(path, UNSYNCED, commits(STEPS.count(Step.COMMIT)))
    images = 0
    for step in STEPS:
        before, acked, freed = DiskImage.of(path), bench.acked, bench.freed
        bench.do(step)
        after = DiskImage.of(path)
        whole = unsynced_bytes(before, after)
        cuts = [0, whole, *(rng.randrange(whole) for _ in range(CUTS if whole > 0 else 0))]
        left_behind = [torn(before, after, cut=cut, flip=flip) for cut in cuts for flip in (None, rng)]
        for image in [after, *left_behind]:
            check(image, left, acked={acked, bench.acked}, freed={freed, bench.freed})
            images += 1
        assert check(after, left, acked={bench.acked}, freed={bench.freed}) == bench.acked
    assert bench.acked == STEPS.count(Step.COMMIT) * BATCHES_PER_COMMIT
    assert set(STEPS) == set(Step)
    assert images > 3 * len(STEPS)


@pytest.mark.slow
def test_a_crash_inside_the_migration_of_an_old_file_leaves_the_old_or_the_new_one(tmp_path: Path) -> None:
    path, left, rng = tmp_path / "journal.db", tmp_path / "left.db", Random(SEED)
    connection = sqlite3.connect(path)
    connection.executescript("PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA application_id = 0x594E4A4C;")
    connection.executescript((Path(__file__).parent / "golden" / "journal_1.sql").read_text("utf-8"))
    connection.close()
    before = DiskImage.of(path)
    bench = Bench(path, UNSYNCED, [])
    bench.do(Step.OPEN)
    after = DiskImage.of(path)
    whole = unsynced_bytes(DiskImage(after.database, before.log), after)
    for frame in range(0, whole, FRAME_BYTES):
        image = DiskImage(after.database, after.log[: WAL_HEADER_BYTES + frame])
        flipped = torn(DiskImage(after.database, b""), after, cut=min(whole, frame + FRAME_BYTES), flip=rng)
        for state in (image, flipped):
            state.write(left)
            journal = opened(left)
            assert (journal.last_lsn, journal.counts(), journal.verify()) == (3, {"air-quality": 16, "traffic": 2}, [])
            journal.close()


@pytest.mark.slow
def test_a_log_cut_or_damaged_at_any_frame_keeps_every_commit_before_it_and_nothing_half(tmp_path: Path) -> None:
    path, left, rng = tmp_path / "journal.db", tmp_path / "left.db", Random(SEED)
    create_file(path, node=NODE, incarnation=INCARNATION, tuning=TUNING)
    journal = opened(path)
    ends = [(0, 0)]
    for writes in commits(6):
        journal.commit(writes)
        ends.append(((len(DiskImage.of(path).log) - WAL_HEADER_BYTES) // FRAME_BYTES, journal.last_lsn))
    image = DiskImage.of(path)
    journal.close()
    frames = ends[-1][0]
    assert frames > 30
    for frame in range(frames):
        expected = max(lsn for end, lsn in ends if end <= frame)
        start = WAL_HEADER_BYTES + frame * FRAME_BYTES
        check(DiskImage(image.database, image.log[:start]), left, acked={expected}, freed={frozenset()})
        damaged = bytearray(image.log)
        damaged[start + rng.randrange(FRAME_BYTES)] ^= rng.randrange(1, 256)
        check(DiskImage(image.database, bytes(damaged)), left, acked={expected}, freed={frozenset()})
    check(image, left, acked={ends[-1][1]}, freed={frozenset()})
