"""A power cut at every byte that a commit wrote since the last sync: `python -m benchmarks.torn_wal [--commits N] [--every BYTES]`.

The ledger is what devices keep: ids of readings whose commit returned, because only then their PUBACK leaves (puback_trace.py shows that
order). A journal takes commits of one batch; for each commit, the files are put back as a cut after each byte leaves them (the model of
node/store/torn.py), SQLite recovers, and the ids that are there are read with sqlite3 and pyarrow alone, as in plain_audit.py. Every id
of the ledger must be there, and the readings of the commit that was cut all or none. At the edges of frames the product opens the
journal, too. Two journals: one whose log only grows, and one whose log is moved into the database and begun anew over its old frames.
Exit status: 0 when nothing acknowledged is missing and nothing is half, 1 otherwise.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import pyarrow as pa

from benchmarks import plain_audit
from node.store.journal import open_journal
from node.store.schema import Tuning
from node.store.torn import DiskImage, torn, unsynced_bytes
from sync.model import StoredBatch
from tests.contracts.batches import INCARNATION, NODE, commit_of, run, stored
from tests.node.store.test_mart import encode

PAGE_BYTES, FRAME_HEADER_BYTES = 512, 24
"""The smallest pages that SQLite has, so that a commit is a few thousand bytes."""
FRAME_BYTES = FRAME_HEADER_BYTES + PAGE_BYTES
GROWING = Tuning(page_bytes=PAGE_BYTES)
MOVING = Tuning(page_bytes=PAGE_BYTES, checkpoint_bytes=24 * PAGE_BYTES)
"""Moves its log into the database every few commits."""
COMMITS = 6
SHARED_MEMORY = Path("/dev/shm")


@dataclass(frozen=True, slots=True)
class Cut:
    """A commit, and what devices knew before and after it."""

    before: DiskImage
    after: DiskImage
    acked: frozenset[str]
    """In the ledger before the commit."""
    new: frozenset[str]
    """In the ledger when the commit returned."""
    tuning: Tuning

    @property
    def size(self) -> int:
        """Bytes that were not synced when the commit ran."""
        return unsynced_bytes(self.before, self.after)


@dataclass(slots=True)
class Tally:
    """What was found after the cuts of one commit."""

    cuts: int = 0
    undone: int = 0
    """Cuts that left the commit out."""
    done: int = 0
    """Cuts that left it whole."""
    violations: list[str] = field(default_factory=list)


def commits(path: Path, tuning: Tuning, count: int) -> list[Cut]:
    """`count` commits of one batch each, with the disk and the ledger around them."""
    journal, ledger = open_journal(path, node=NODE, incarnation=INCARNATION, tuning=tuning), frozenset[str]()
    found: list[Cut] = []
    earlier: list[StoredBatch] = []
    for lsn in range(1, count + 1):
        before, batch = DiskImage.of(path), _batch(lsn)
        journal.commit(commit_of(batch, after=earlier))
        earlier.append(batch)
        new = _ids(batch.batch.payload, (0, 2))
        found.append(Cut(before, DiskImage.of(path), ledger, new, tuning))
        ledger |= new
    journal.close()
    return found


def cut_everywhere(cut: Cut, path: Path, places: Iterable[int]) -> Tally:
    """Cut at each of `places` and look; `path` is written again and again."""
    tally = Tally()
    for at in places:
        _put(torn(cut.before, cut.after, cut=at), path)
        found = ids_at(path)
        tally.cuts += 1
        tally.done += found == cut.acked | cut.new
        tally.undone += found == cut.acked
        if found not in (cut.acked, cut.acked | cut.new):
            tally.violations.append(f"cut at {at}: missing {sorted(cut.acked - found)}, of the commit {sorted(found & cut.new)}")
    return tally


def opened_at_edges(cut: Cut, path: Path) -> Tally:
    """What the product finds at each frame's edges: every batch up to the top, before or after the commit."""
    tally, lsn = Tally(), len(cut.acked | cut.new) // len(cut.new)
    for at in edges(cut):
        torn(cut.before, cut.after, cut=at).write(path)
        journal = open_journal(path, node=NODE, incarnation=INCARNATION, tuning=replace(cut.tuning, is_synced=False))
        top = journal.last_lsn
        tally.cuts += 1
        tally.done += top == lsn
        tally.undone += top == lsn - 1
        if top not in (lsn - 1, lsn) or not all(journal.batch(number) for number in range(1, top + 1)):
            tally.violations.append(f"cut at {at}: the product opens a journal that ends at {top}, {lsn - 1} or {lsn} was to be")
        journal.close()
    return tally


def edges(cut: Cut) -> Iterator[int]:
    """Every frame's beginning, its header's end, and the bytes beside them."""
    for frame in range(0, cut.size + 1, FRAME_BYTES):
        yield from (place for place in (frame - 1, frame, frame + 1, frame + FRAME_HEADER_BYTES) if 0 <= place <= cut.size)


def ids_at(path: Path) -> frozenset[str]:
    """The ids in the journal at `path`, whose log is left as it is."""
    found = plain_audit.live_batches(path, is_read_only=True)
    return frozenset(identity for payload, _, runs in found for identity in _ids(payload, *runs))


@cache
def _ids(payload: bytes, *runs: tuple[int, int]) -> frozenset[str]:
    return frozenset(plain_audit.ids(payload, list(runs)))


def _batch(lsn: int) -> StoredBatch:
    rows = pa.record_batch({"text": pa.array([f"pm-1/{lsn}-{place}" for place in range(2)], pa.string()).dictionary_encode()})
    return stored(lsn, [run(2 * lsn, 2 * lsn + 1)], payload=encode(rows))


def _put(image: DiskImage, path: Path) -> None:
    # Files are overwritten and not made anew: a file system may sync one that is emptied first, at a hundred times the cost.
    for name, data in ((path, image.database), (path.with_name(path.name + "-wal"), image.log)):
        with name.open("r+b" if name.exists() else "wb") as file:
            file.write(data)
            file.truncate()
    path.with_name(path.name + "-shm").unlink(missing_ok=True)


def main(arguments: list[str]) -> int:
    """Run as the module docstring says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--commits", type=int, default=COMMITS)
    parser.add_argument("--every", type=int, default=1, help="bytes between two cuts")
    given = parser.parse_args(arguments)
    is_good = True
    with tempfile.TemporaryDirectory(prefix="yn", dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None) as scratch:
        for name, tuning in (("growing", GROWING), ("moving", MOVING)):
            for number, cut in enumerate(commits(Path(scratch) / f"{name}.db", tuning, given.commits), start=1):
                torn_at = Path(scratch) / "torn.db"
                plain, product = cut_everywhere(cut, torn_at, range(0, cut.size + 1, given.every)), opened_at_edges(cut, torn_at)
                print(
                    f"{name} log, commit {number}: {cut.size} bytes unsynced, {len(cut.acked)} readings acknowledged; {plain.cuts} cuts, "
                    f"{plain.undone} without and {plain.done} with the commit; the product opened {product.cuts}", flush=True,
                )  # fmt: skip
                for violation in (*plain.violations, *product.violations):
                    print(f"  VIOLATION {violation}")
                    is_good = False
    print("nothing acknowledged is missing, nothing is half" if is_good else "BROKEN")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
