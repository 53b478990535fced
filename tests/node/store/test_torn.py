"""A power cut anywhere inside a commit leaves all or nothing of it, and everything before it."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from node.store.journal import SqliteJournal, open_journal
from node.store.schema import Tuning
from node.store.torn import DiskImage, torn, unsynced_bytes
from tests.contracts.batches import INCARNATION, NODE, commit_of, run, stored

SEED = 20_261_120
WAL_HEADER_BYTES, FRAME_HEADER_BYTES, PAGE_BYTES = 32, 24, 4_096
SMALL_PAGES = Tuning(page_bytes=PAGE_BYTES, checkpoint_bytes=64 * PAGE_BYTES)


def opened(path: Path, tuning: Tuning = SMALL_PAGES) -> SqliteJournal:
    return open_journal(path, node=NODE, incarnation=INCARNATION, tuning=tuning)


def commit_pair(journal: SqliteJournal) -> tuple[DiskImage, DiskImage]:
    """Append two batches; the disk before and after."""
    before, first = DiskImage.of(journal.path), journal.last_lsn + 1
    earlier = [stored(lsn, [run(lsn, lsn)]) for lsn in range(1, first)]
    pair = [stored(lsn, [run(lsn, lsn)], payload=Random(lsn).randbytes(9_000)) for lsn in (first, first + 1)]
    journal.commit(commit_of(*pair, after=earlier))
    return before, DiskImage.of(journal.path)


def images(path: Path, commits: int) -> tuple[DiskImage, DiskImage]:
    """The disk before and after the last of some commits of two batches each."""
    journal = opened(path)
    before, after = [commit_pair(journal) for _ in range(commits)][-1]
    journal.close()
    return before, after


def images_of_a_move(path: Path) -> tuple[DiskImage, DiskImage, int]:
    """The disk before and after the first commit that moved the log into the file, and the last lsn after it."""
    journal = opened(path)
    before, after = commit_pair(journal)
    while before.database == after.database and journal.last_lsn < 100:
        before, after = commit_pair(journal)
    last_lsn = journal.last_lsn
    journal.close()
    return before, after, last_lsn


def check_all_or_nothing(image: DiskImage, path: Path, lsn_before: int) -> int:
    image.write(path)
    journal = opened(path, replace(SMALL_PAGES, is_synced=False))
    top = journal.last_lsn
    assert top in (lsn_before, lsn_before + 2)
    assert all(journal.batch(lsn) for lsn in range(1, top + 1))
    assert [run_map.top for run_map in journal.recover().streams.values()] == [top]
    journal.close()
    return top


@pytest.mark.slow
def test_a_cut_at_every_frame_and_at_200_bytes_leaves_all_or_nothing(tmp_path: Path) -> None:
    before, after = images(tmp_path / "journal.db", commits=3)
    assert before.database == after.database
    whole = unsynced_bytes(before, after)
    rng = Random(SEED)
    frames = range(0, whole + 1, FRAME_HEADER_BYTES + PAGE_BYTES)
    cuts = [*frames, *(rng.randrange(whole) for _ in range(200))]
    tops = [check_all_or_nothing(torn(before, after, cut=cut), tmp_path / "torn.db", 4) for cut in cuts]
    assert whole in frames
    assert tops[len(frames) - 1] == 6
    assert set(tops[: len(frames) - 1]) == {4}


@pytest.mark.slow
def test_a_wrong_byte_in_the_unsynced_part_undoes_the_commit_and_no_more(tmp_path: Path) -> None:
    before, after = images(tmp_path / "journal.db", commits=3)
    rng = Random(SEED)
    whole = unsynced_bytes(before, after)
    tops = {check_all_or_nothing(torn(before, after, cut=whole, flip=rng), tmp_path / "torn.db", 4) for _ in range(40)}
    assert tops == {4}


@pytest.mark.slow
def test_a_cut_while_the_log_moves_into_the_file_loses_nothing(tmp_path: Path) -> None:
    before, after, last_lsn = images_of_a_move(tmp_path / "journal.db")
    moved = unsynced_bytes(DiskImage(before.database, b""), DiskImage(after.database, b""))
    assert moved > 0
    whole, rng = unsynced_bytes(before, after), Random(SEED)
    cuts = [whole - moved, whole, *(rng.randrange(whole - moved, whole) for _ in range(40))]
    wrong = [None, rng]
    left = [torn(before, after, cut=cut, flip=flip) for cut in cuts[1:] for flip in wrong]
    tops = {check_all_or_nothing(image, tmp_path / "torn.db", last_lsn - 2) for image in [torn(before, after, cut=cuts[0]), *left]}
    assert tops == {last_lsn}


def test_the_frames_of_a_log_are_where_the_test_cuts(tmp_path: Path) -> None:
    before, after = images(tmp_path / "journal.db", commits=2)
    (page_bytes,) = struct.unpack(">I", after.log[8:12])
    assert page_bytes == PAGE_BYTES
    assert (len(before.log) - WAL_HEADER_BYTES) % (FRAME_HEADER_BYTES + PAGE_BYTES) == 0


def test_a_cut_keeps_what_was_there_behind_it() -> None:
    before, after = DiskImage(b"database", b"abcdef"), DiskImage(b"database", b"abXYZWUV")
    assert torn(before, after, cut=2).log == b"abXYef"
    assert torn(before, after, cut=0) == before
    assert torn(before, after, cut=6) == after


def test_a_flip_touches_one_byte_that_arrived() -> None:
    before, after = DiskImage(b"d" * 50, b""), DiskImage(b"d" * 20 + b"e" + b"d" * 28 + b"e", b"w" * 10)
    for seed in range(20):
        in_log, in_database = torn(before, after, cut=4, flip=Random(seed)), torn(before, after, cut=35, flip=Random(seed))
        assert sum(byte != ord("w") for byte in in_log.log) == 1
        assert in_database.log == after.log
        assert in_database.database == before.database[:20] + in_database.database[20:21] + before.database[21:]
        assert in_database.database[20] != ord("e")


def test_a_cut_outside_the_change_is_refused() -> None:
    image = DiskImage(b"", b"")
    with pytest.raises(ValueError, match="cut at 1 refused"):
        torn(image, image, cut=1)
