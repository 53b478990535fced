"""How good and how fast the classification is: precision and recall by rule on a labelled set, proposals on real tables, rows a second.

Run as `python -m benchmarks.classify_bench [FOLDER]`; FOLDER holds CSV tables of one's own, whose proposals are listed to be judged by eye.
"""

from __future__ import annotations

import csv
import gzip
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa

from policies.arrow import call
from policies.classify.propose import Sample, propose
from policies.classify.table import shipped_table
from tests.policies.classify.labelled import KINDS, columns

SEEDS = range(20)
DIRTS = (0.06, 0.3, 0.5)
ROUNDS = 5
FILE_ROWS = 5_000


def scores(seeds: range, dirt: float) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Right, missed and wrong columns by rule, where this part of the values is missing or rubbish."""
    right, missed, wrong = Counter[str](), Counter[str](), Counter[str]()
    for seed in seeds:
        for one in columns(seed, dirt=dirt):
            found = {proposal.rule for proposal in propose([one.sample], shipped_table())}
            if one.rule:
                (right if one.rule in found else missed)[one.rule] += 1
            for rule in found - {one.rule}:
                wrong[rule] += 1
    return right, missed, wrong


def rows_per_s() -> tuple[float, float]:
    """Sampled rows of the labelled set judged per second, and a bare pattern of one kind over the same columns."""
    samples = [one.sample for one in columns(1)]
    rows = sum(len(sample.column) for sample in samples)
    best = min(_timed(lambda: propose(samples, shipped_table())) for _ in range(ROUNDS))
    texts = [sample.column.cast(pa.string()) for sample in samples]
    raw = min(_timed(lambda: [call("match_substring_regex", column, "^1[3-9][0-9]{9}$") for column in texts]) for _ in range(ROUNDS))
    return rows / best, rows / raw


def _timed(work: object) -> float:
    start = time.process_time()
    work()  # type: ignore[operator]
    return time.process_time() - start


def tables(folder: Path) -> Iterator[tuple[str, list[Sample]]]:
    """The CSV tables below a folder, plain or gzipped, their first rows."""
    for path in sorted([*folder.rglob("*.csv"), *folder.rglob("*.csv.gz")]):
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            head, *rows = list(islice(csv.reader(file), FILE_ROWS + 1))
        if len(head) <= 64:
            yield path.name, [Sample(name, "", pa.array([row[place] for row in rows], pa.string())) for place, name in enumerate(head)]


def line(rule: str, right: int, missed: int, wrong: int) -> str:
    """One rule's figures."""
    precision, recall = right / max(1, right + wrong), right / max(1, right + missed)
    return f"  {rule:<14} precision {precision:.3f}  recall {recall:.3f}   {right} right, {missed} missed, {wrong} wrong"


def main() -> None:
    """Print a line per rule, the totals, the speed, and what is said of the folder's tables."""
    for dirt in DIRTS:
        right, missed, wrong = scores(SEEDS, dirt)
        print(f"{dirt:.0%} of the values missing or rubbish, {len(SEEDS)} seeds of {sum(1 for _ in columns(0))} columns")
        for rule in KINDS:
            print(line(rule, right[rule], missed[rule], wrong[rule]))
        others = sum(count for rule, count in wrong.items() if rule not in KINDS)
        print(line("all", sum(right.values()), sum(missed.values()), sum(wrong.values())) + f", {others} by rules of names alone")
    ours, raw = rows_per_s()
    print(f"speed          {ours:,.0f} rows/s through all rules; one bare pattern {raw:,.0f} rows/s, ratio {ours / raw:.3f}")
    for folder in sys.argv[1:]:
        for name, samples in tables(Path(folder)):
            found = propose(samples, shipped_table())
            said = ", ".join(f"{proposal.field}: {proposal.rule} {proposal.confidence:.2f} ({proposal.share:.2f})" for proposal in found)
            print(f"{name:<40} {len(samples):>3} columns  {said or '-'}")


if __name__ == "__main__":
    main()
