"""Recall of a million records at three levels, each with a real journal: rows a second, beside rewriting the same payloads.

Run as `python -m benchmarks.recall_bench [RECORDS]`. Three nodes in one process hold the same records of one street; an entry takes all of
them, then (on journals made anew) those that a predicate finds. The time runs from the bundle that comes into force at each node to its
receipt: tombstones, erasure with overwritten pages, run maps, marts, free pages, the emptied log. Beside it, in the same run and on the
same disk, the same payloads are read, decoded, encoded, hashed and written back by a plain loop. Wall time; only the ratio is for
comparing machines.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import psutil
import pyarrow as pa

from benchmarks.workload import RESOURCE, rows_of
from node.clock import SystemClock
from node.engine.rowfacts import sealed_header
from node.recall.kind import RECALL
from node.recall.views import RecallViews
from policies.entry import Entry
from sync.core.inbox import empty_header
from sync.model import Batch, BatchHeader, Lane, Level, Run, StoredBatch
from sync.wire.payload import encode_payload, unfold_payload
from tests.node.cases.town import Town
from tests.node.identity.family import StandingClock
from tests.node.recall.holder import Holder, Issuing, entry, new_seal
from tests.policies.city import city

RECORDS = 1_000_000
BATCH_ROWS = 5_000
STREET = "badaguan"
LEVELS = (("shandong", Level.PROVINCIAL, "37"), ("qingdao", Level.MUNICIPAL, "3702"), ("shinan", Level.DISTRICT, "370202"))
PLAIN_COMMIT = 32
"""Batches that one transaction of the plain loop rewrites."""
CASES = {"every record": "", "one in ten, by predicate": "value > 900"}
VALUE_MAX = 1_000.0


@dataclass(frozen=True, slots=True)
class Figures:
    """One case."""

    name: str
    held: int
    """Records that the three nodes held together."""
    taken: int
    recall_s: float
    cpu_s: float
    """CPU of the recalls, all threads: what other work on the machine moves least."""
    plain_s: float
    receipts: str


def models(count: int) -> list[pa.RecordBatch]:
    """A few different batches whose values are spread evenly below VALUE_MAX."""
    rng = Random(7)
    found = []
    for rows in rows_of(count):
        values = pa.array([rng.uniform(0.0, VALUE_MAX) for _ in range(count)], rows.schema.field("value").type)
        found.append(rows.set_column(rows.schema.get_field_index("value"), rows.schema.field("value"), values))
    return found


def batches(records: int, distance: int) -> list[StoredBatch]:
    """The street's records as a node that is `distance` hops away has them."""
    plain = models(BATCH_ROWS)
    payloads = [encode_payload(rows, compression="lz4") for rows in plain]
    made = []
    for index in range(records // BATCH_ROWS):
        place = index % len(plain)
        run = Run(STREET, 7, index * BATCH_ROWS + 1, (index + 1) * BATCH_ROWS, 0)
        bare = BatchHeader(RESOURCE, Lane.BULK, 1, 0, (), b"", 0, 0)
        header = sealed_header(replace(empty_header(bare, (run,)), origin_distance=distance), plain[place], payloads[place])
        made.append(StoredBatch(index + 1, Batch(header, payloads[place]), STREET))
    return made


def rewrite_plainly(paths: Sequence[Path]) -> float:
    """Seconds that a loop without any rule takes to read, decode, encode, hash and write back every payload of these journals."""
    clock = SystemClock()
    begun = clock.now()
    for path in paths:
        with sqlite3.connect(path, isolation_level=None) as connection:
            lsns = [lsn for (lsn,) in connection.execute("SELECT lsn FROM batch ORDER BY lsn").fetchall()]
            for start in range(0, len(lsns), PLAIN_COMMIT):
                connection.execute("BEGIN IMMEDIATE")
                for lsn in lsns[start : start + PLAIN_COMMIT]:
                    (payload,) = connection.execute("SELECT payload FROM batch WHERE lsn = ?", (lsn,)).fetchone()
                    again = encode_payload(unfold_payload(payload), compression="lz4")
                    digest = hashlib.sha256(again).digest()
                    connection.execute("UPDATE batch SET payload = ?, payload_sha256 = ? WHERE lsn = ?", (again, digest, lsn))
                connection.execute("COMMIT")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
    return clock.now().seconds_since(begun)


async def measure(folder: Path, name: str, made: Entry, records: int) -> Figures:
    """One case on journals of its own."""
    province, standing, clock = Issuing(new_seal(folder / "keys")), StandingClock(), SystemClock()
    town = Town(folder, [RECALL], [city().resources["recalls"]])
    nodes: list[Holder] = []
    for distance, (node, level, territory) in reversed(list(enumerate(reversed(LEVELS), start=1))):
        above = nodes[-1].node if nodes else ""
        nodes.append(Holder(folder / "nodes", node, level, province, town.add(node, territory, above), clock=standing))
        nodes[-1].hold_batches(batches(records, distance))
    plain_s = rewrite_plainly([one.shelf.journal.path for one in nodes])
    province.list(made)
    recall_s, cpu_s, taken, receipts = 0.0, 0.0, 0, 0
    for one in nodes:
        async with one.running() as desk:
            begun, cpu = clock.now(), time.process_time()
            one.take(province)
            await desk.round()
            recall_s += clock.now().seconds_since(begun)
            cpu_s += time.process_time() - cpu
            assert not desk.fault, desk.fault
            own = RecallViews(desk).shown(made.id)["own"]
            taken, receipts = taken + own["erased"], receipts + 1
        one.shelf.journal.close()
    for office in town.offices.values():
        office.shelf.journal.close()
    return Figures(name, records * len(nodes), taken, recall_s, cpu_s, plain_s, f"{receipts} of {len(nodes)} nodes")


def main() -> None:
    """Print one line for each case."""
    records = int(sys.argv[1]) if len(sys.argv) > 1 else RECORDS
    for name, predicate in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            found = asyncio.run(measure(Path(folder), name, entry(predicate=predicate), records))
        took = f"{found.recall_s:6.2f} s, CPU {found.cpu_s:5.2f} s, {found.held / found.recall_s / 1e6:5.2f} M rows/s"
        print(
            f"recall of {found.name:26} {found.taken:>9,} of {found.held:,} records at {len(LEVELS)} levels: {took}; "
            f"rewriting the same payloads {found.plain_s:6.2f} s, "
            f"ratio {found.plain_s / found.recall_s:5.2f}; receipts of {found.receipts}; load {psutil.getloadavg()[0]:.1f}"
        )


if __name__ == "__main__":
    main()
