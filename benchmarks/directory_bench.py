"""A camera directory of 250,000 points as a node tells it upward, whole and after a change of 1 %: bytes, seconds, and their ratio.

Run as `python -m benchmarks.directory_bench [POINTS]`. Points go through the node's own file of the directory, inbox, sealing and payload
encoding, into a journal and its mart; what is counted are the payloads that a link would carry. Prints JSON; only ratios are for comparing.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

from node.cameras.directory import DirectoryFile
from node.cameras.directory_desk import TOLD_PER_LOOK
from node.cameras.directory_query import Question, counts, points
from node.cameras.directory_rows import RESOURCE, row_of
from node.cameras.national_code import build_code
from node.cameras.point import Card, Point, PointState
from node.ingest.inbox import Inbox
from node.store.marts import Marts
from policies.bundle import schemas_of
from sync.model import Lane
from tests.contracts.batches import commit_of
from tests.node.shelf import Shelf, open_shelf
from tests.policies.city import city

POINTS = 250_000
CHANGED_SHARE = 0.01
SEED = 7
NOW_US = 1_790_000_000_000_000


def made(count: int, rng: Random) -> list[Point]:
    """Points of a city: ten districts, streets and grids below them."""
    found = []
    for number in range(count):
        district = number % 10
        territory = f"3702{district:02d}{rng.randrange(30):03d}{rng.randrange(20):03d}{rng.randrange(10):03d}"
        card = Card(
            territory, f"路口{number}号枪机", 1 + number % 3, f"第{number % 40}局", round(120 + rng.random(), 6),
            round(36 + rng.random(), 6), "CGCS2000", f"样例路{number % 5_000}号", ("海康", "大华", "宇视")[number % 3],
        )  # fmt: skip
        code = str(build_code(f"3702{district:02d}00", serial=number, industry=number % 8))
        found.append(Point(code, card, PointState.ONLINE, NOW_US))
    return found


def told(file: DirectoryFile, inbox: Inbox, shelf: Shelf, now_us: int) -> tuple[int, int]:
    """Tell all that is to be told; payload bytes and batches."""
    payload_bytes = batches = 0
    while (waiting := file.untold(TOLD_PER_LOOK)).points:
        columns = inbox.columns(RESOURCE)
        inbox.put(RESOURCE, [row_of(point, columns, now_us=now_us) for point in waiting.points])
        for batch in inbox.drain():
            stored = shelf.append(batch.rows, code=RESOURCE, lane=Lane.STATE, origin="street")
            shelf.journal.commit(commit_of(stored, after=[]))
            payload_bytes, batches = payload_bytes + len(stored.batch.payload), batches + 1
            inbox.stored(batch)
        file.told(waiting.turns)
    return payload_bytes, batches


def put(file: DirectoryFile, found: Sequence[Point]) -> None:
    """Enter them in calls as the API takes them."""
    for start in range(0, len(found), 5_000):
        file.put(found[start : start + 5_000])


async def measured(folder: Path, count: int) -> dict[str, object]:
    """All figures."""
    rng, shelf = Random(SEED), open_shelf(folder)
    file, inbox = DirectoryFile(folder / "directory.db", 1), Inbox(schemas_of(tuple(city().resources.values())), on_data=lambda: None)
    whole = made(count, rng)
    marts = Marts(folder / "marts", shelf.journal)
    figures: dict[str, object] = {"points": count}
    began = time.perf_counter()
    put(file, whole)
    figures["enter_s"] = round(time.perf_counter() - began, 2)
    began = time.perf_counter()
    whole_bytes, figures["whole_batches"] = told(file, inbox, shelf, NOW_US)
    figures["whole_s"] = round(time.perf_counter() - began, 2)
    began = time.perf_counter()
    figures["states"] = await marts.ask(RESOURCE, lambda mart: counts(mart, Question()))
    figures["first_question_s"] = round(time.perf_counter() - began, 2)
    chosen = rng.sample(whole, round(count * CHANGED_SHARE))
    changed = [replace(each, state=PointState.OFFLINE, state_since_us=NOW_US + 1) for each in chosen]
    put(file, changed)
    began = time.perf_counter()
    delta_bytes, figures["delta_batches"] = told(file, inbox, shelf, NOW_US + 1)
    figures["delta_s"] = round(time.perf_counter() - began, 3)
    began = time.perf_counter()
    figures["states_after"] = await marts.ask(RESOURCE, lambda mart: counts(mart, Question()))
    figures["next_question_s"] = round(time.perf_counter() - began, 3)
    began = time.perf_counter()
    found = await marts.ask(RESOURCE, lambda mart: points(mart, Question(territory="370203", state="offline", limit=100)))
    figures["filtered_s"] = round(time.perf_counter() - began, 3)
    figures |= {"found": len(found), "whole_bytes": whole_bytes, "delta_bytes": delta_bytes}
    figures["delta_share"] = round(delta_bytes / whole_bytes, 4)
    marts.close()
    file.close()
    shelf.journal.close()
    return figures


def main() -> None:
    """Print the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else POINTS
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asyncio.run(measured(Path(folder), count)), indent=2))


if __name__ == "__main__":
    main()
