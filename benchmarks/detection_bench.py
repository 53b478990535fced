"""How well and how fast sensor series are watched, beside a plain threshold in the same run.

Run as `python -m benchmarks.detection_bench [nab|skab|batadal|speed ...]`. The one parameter set of edge_ai/sensors/parameters.py judges
everything; the threshold is the mean and three standard deviations of the first readings of a series, as many as the bank learns from.
Quality is read from shared data (skipped with a word where it is absent): NAB's formula over 14 of its series, and F1 by points and by
events on SKAB and BATADAL. Speed is readings per second of CPU on one core, for many series at once, beside a bare pass that only
compares the same values with two limits.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.nab_score import Score, score
from edge_ai.sensors import Bank, Limits, Parameters
from edge_ai.sensors.table import Bools, Floats, Ints

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "sensors"
WARM = Parameters().warm
SPREADS = 3.0
SPEED_GOAL = 300_000
"""Readings per second on one core."""
SPEED_SERIES, SPEED_ROUNDS, SPEED_REPEATS = 10_000, 60, 5


@dataclass(frozen=True, slots=True)
class Set:
    """Series read at the same times, and what is labelled."""

    name: str
    times_us: Ints
    values: Floats
    """Rows by series; a set of one series has one column."""
    labels: Bools
    """Rows that are labelled as anomalous."""


def watched(data: Set) -> tuple[Bools, list[int]]:
    """Rows at which some alarm holds, and rows at which one begins."""
    bank = Bank()
    series = np.array([bank.add(Limits()) for _ in range(data.values.shape[1])])
    if len(series) > 1:
        bank.join(series.tolist())
    held, marks, begun = set[object](), np.zeros(len(data.values), bool), list[int]()
    for row, (time_us, values) in enumerate(zip(data.times_us, data.values, strict=True)):
        alarms = bank.read(series, np.full(len(series), time_us), values)
        for alarm in alarms:
            (held.add if alarm.active else held.discard)((alarm.kind, alarm.series))
        marks[row] = bool(held)
        if any(alarm.active for alarm in alarms):
            begun.append(row)
    return marks, begun


def thresholded(data: Set) -> tuple[Bools, list[int]]:
    """The same for the plain threshold."""
    learnt = data.values[:WARM]
    marks = np.asarray((np.abs(data.values - learnt.mean(axis=0)) > SPREADS * learnt.std(axis=0)).any(axis=1))
    marks[:WARM] = False
    return marks, np.flatnonzero(marks & ~np.r_[False, marks[:-1]]).tolist()


WATCHERS: dict[str, Callable[[Set], tuple[Bools, list[int]]]] = {"yunnao": watched, "threshold": thresholded}


def nab() -> Iterator[str]:
    """NAB's formula over the shared series."""
    windows = json.loads((DATA / "nab" / "labels" / "combined_windows.json").read_text("utf-8"))
    total = dict.fromkeys(WATCHERS, Score())
    for name, spans in sorted(windows.items()):
        data = _nab_series(name)
        times = data.times_us
        rows = [(int(np.searchsorted(times, _us(start))), int(np.searchsorted(times, _us(end), side="right")) - 1) for start, end in spans]
        scores = {watcher: score(len(times), rows, watch(data)[1]) for watcher, watch in WATCHERS.items()}
        total = {watcher: total[watcher] + scores[watcher] for watcher in WATCHERS}
        yield f"  {name:58} " + ", ".join(f"{watcher} {_said(each)}" for watcher, each in scores.items())
    yield f"  {'all':58} " + ", ".join(f"{watcher} {_said(each)}" for watcher, each in total.items())


def _said(each: Score) -> str:
    return f"{each.normalised:6.1f} ({each.found} of {each.windows} windows, {each.false} false)"


def _nab_series(name: str) -> Set:
    with (DATA / "nab" / name).open(newline="") as file:
        rows = [(_us(each["timestamp"]), float(each["value"])) for each in csv.DictReader(file)]
    # A few stamps of the set go back in time; its own windows are by time.
    times = np.maximum.accumulate(np.array([time_us for time_us, _ in rows]))
    return Set(name, times, np.array([[value] for _, value in rows]), np.zeros(len(rows), bool))


def _us(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1e6)


def skab() -> Iterator[str]:
    """F1 over the experiments with valve closings, each on its own."""
    with gzip.open(DATA / "skab-water-loop.csv.gz", "rt", newline="") as file:
        rows = [each for each in csv.DictReader(file) if each["anomaly"]]
    sets = [
        _labelled(name, [list(each.values()) for each in some], time=1, first=2, last=10, label=10)
        for name, some in groupby(rows, key=lambda each: each["experiment"])
    ]
    yield from _f1_lines(sets)


def batadal() -> Iterator[str]:
    """F1 over the months with attacks, after the year without."""
    with gzip.open(DATA / "batadal-water.csv.gz", "rt", newline="") as file:
        rows = [list(each.values()) for each in csv.DictReader(file)]
    yield from _f1_lines([_labelled("batadal", rows, time=0, first=2, last=-1, label=-1)])


def _labelled(name: str, rows: Sequence[Sequence[str]], *, time: int, first: int, last: int, label: int) -> Set:
    values = np.array([[float(cell) for cell in row[first:last]] for row in rows])
    times = np.array([_us(row[time]) for row in rows])
    return Set(name, times, values, np.array([float(row[label]) > 0 for row in rows]))


def _f1_lines(sets: Sequence[Set]) -> Iterator[str]:
    for watcher, watch in WATCHERS.items():
        marks = [watch(data)[0][WARM:] for data in sets]
        labels = [data.labels[WARM:] for data in sets]
        points = f1(np.concatenate(marks), np.concatenate(labels))
        events = event_f1(marks, labels)
        yield f"  {watcher:10} by points {_f1_said(points)}, by events {_f1_said(events)}"


def _f1_said(figures: tuple[float, float, float]) -> str:
    return "F1 {2:.2f} (precision {0:.2f}, recall {1:.2f})".format(*figures)


def f1(marks: Bools, labels: Bools) -> tuple[float, float, float]:
    """Precision, recall and their harmonic mean, row by row."""
    hits = int((marks & labels).sum())
    return _harmonic(hits, int(marks.sum()), hits, int(labels.sum()))


def event_f1(marks: Sequence[Bools], labels: Sequence[Bools]) -> tuple[float, float, float]:
    """The same by events: a labelled one is found when an alarm holds during it, an alarm is right when it holds during a labelled one."""
    right = found = said = true = 0
    for mark, label in zip(marks, labels, strict=True):
        alarms, events = spans(mark), spans(label)
        right += sum(bool(label[start:end].any()) for start, end in alarms)
        found += sum(bool(mark[start:end].any()) for start, end in events)
        said, true = said + len(alarms), true + len(events)
    return _harmonic(right, said, found, true)


def spans(marks: Bools) -> list[tuple[int, int]]:
    """Runs of marked rows, the end not included."""
    edges = np.flatnonzero(np.diff(np.r_[False, marks, False].astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _harmonic(right: int, said: int, found: int, true: int) -> tuple[float, float, float]:
    precision, recall = right / said if said else 0.0, found / true if true else 0.0
    return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def speed() -> Iterator[str]:
    """Readings per CPU second, many series in each call."""
    rng = np.random.default_rng(1)
    rates, raws = list[float](), list[float]()
    for _ in range(SPEED_REPEATS):
        bank = Bank()
        series = np.array([bank.add(Limits(low=-9.0, high=9.0, rate_per_hour_max=500.0, stuck_s=900.0)) for _ in range(SPEED_SERIES)])
        calls = [(np.full(SPEED_SERIES, (each + 1) * 60_000_000), rng.normal(size=SPEED_SERIES)) for each in range(SPEED_ROUNDS)]
        began = time.process_time()
        for times_us, values in calls:
            bank.read(series, times_us, values)
        rates.append(SPEED_SERIES * SPEED_ROUNDS / (time.process_time() - began))
        raws.append(_raw_rate(calls))
    rate, ratio = median(rates), median(own / raw for own, raw in zip(rates, raws, strict=True))
    yield f"  {rate:,.0f} readings/s (goal {SPEED_GOAL:,}), all rules, {SPEED_SERIES:,} series a call"
    yield f"  comparing with two limits alone {median(raws):,.0f}/s, ratio {ratio:.4f}"
    if rate < SPEED_GOAL:
        yield "  MISSED"


def _raw_rate(calls: Sequence[tuple[Ints, Floats]]) -> float:
    began = time.process_time()
    for _ in range(SPEED_REPEATS * 20):
        for _, values in calls:
            ((values < -9.0) | (values > 9.0)).any()
    return SPEED_SERIES * SPEED_ROUNDS * SPEED_REPEATS * 20 / (time.process_time() - began)


PARTS: dict[str, Callable[[], Iterator[str]]] = {"nab": nab, "skab": skab, "batadal": batadal, "speed": speed}


def main() -> int:
    """Print every part named, or all; 1 when the speed is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parts, is_missed = parser.parse_args().parts or list(PARTS), False
    if unknown := [name for name in parts if name not in PARTS]:
        parser.error(f"no part {unknown[0]!r}: {', '.join(PARTS)}")
    for name in parts:
        if name != "speed" and not DATA.is_dir():
            print(f"{name}: skipped, no shared data beside the project")
            continue
        print(f"{name}:", flush=True)
        for line in PARTS[name]():
            print(line, flush=True)
            is_missed |= line.endswith("MISSED")
    return 1 if is_missed else 0


if __name__ == "__main__":
    sys.exit(main())
