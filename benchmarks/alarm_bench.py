"""G15: alarms over a thin link while a million-record backlog drains: `python -m benchmarks.alarm_bench [--alarms 500]`.

Two real nodes in network namespaces, joined by the tests' own pipe at 1 Mbit/s. Each alarm is put at the child through its API; its
time is from its sealing there to the commit at the parent, where it is seen by reading the journal beside the running node every
POLL_S. Then the same again with lanes off: the same records as bulk, behind the backlog; what has not arrived when the run ends counts
with the age it has by then. A run whose backlog ended before its last alarm shows nothing and fails.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

from benchmarks.workload import RESOURCE
from tests.network.plant import why_not
from tests.network.shaper import Wire
from tests.network.thin import CHILD, TwoNodes

GOAL_S = 2.0
BACKLOG_BATCHES, BACKLOG_ROWS = 200, 5_000
POLL_S = 0.02
DRAIN_S = 10.0
"""What the last alarms get to arrive in."""

INCIDENT = ["incident_id", "event_id", "class", "severity", "handling_level", "state", "summary"]
READING = ["device", "quantity", "value", "text", "unit"]
ARRIVED = """
    SELECT r.first_seq, r.last_seq, r.sealed_wall_us FROM batch b JOIN batch_run r USING (lsn)
    WHERE b.lsn > ? AND b.resource = ? AND r.origin = ? AND r.first_seq > ?
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run."""

    seconds: tuple[float, ...]
    """Age of each alarm at its commit above, or at the end of the run."""
    arrived: int
    backlog_left: int
    """Records of the backlog that were still waiting below when the last alarm was put."""
    lives: int

    def percentile(self, percent: int) -> float:
        """Seconds by which so many per cent had arrived."""
        return quantiles(self.seconds, n=100, method="inclusive")[percent - 1]


class Watch:
    """Sees records of a resource with numbers above `behind` arrive in a journal."""

    def __init__(self, journal: Path, resource: str, *, behind: int) -> None:
        self.seconds: dict[int, float] = {}
        self._journal, self._resource, self._behind = journal, resource, behind
        self._seen = 0

    def look(self) -> None:
        """Note what has come since the last look."""
        with closing(sqlite3.connect(f"file:{self._journal}?mode=ro", uri=True)) as connection:
            (top,) = connection.execute("SELECT coalesce(max(lsn), 0) FROM batch").fetchone()
            rows = connection.execute(ARRIVED, (self._seen, self._resource, CHILD, self._behind)).fetchall() if top > self._seen else ()
        now_us = time.time_ns() // 1_000
        self._seen = top
        for first, last, sealed_us in rows:
            for number in range(first, last + 1):
                self.seconds.setdefault(number, (now_us - sealed_us) / 1e6)


def run(folder: Path, wire: Wire, *, alarms: int, per_s: float, lanes: bool) -> Outcome:
    """Put `alarms` at the child while its backlog drains."""
    with TwoNodes(folder, wire, batches=BACKLOG_BATCHES, rows=BACKLOG_ROWS) as pair:
        pair.cluster.start()
        pair.cluster.wait("the backlog to flow", lambda: pair.arrived() > 0)
        watch = Watch(pair.parent.journal, "incidents" if lanes else RESOURCE, behind=0 if lanes else pair.backlog)
        put: list[float] = []
        begin = time.monotonic()
        for number in range(alarms):
            _until(begin + number / per_s, watch.look)
            put.append(time.time())
            _put(pair, number, lanes=lanes)
        watch.look()
        left = pair.backlog - pair.arrived() + (0 if lanes else len(watch.seconds))
        _until(time.monotonic() + DRAIN_S, watch.look, lambda: len(watch.seconds) >= alarms)
        end = time.time()
        ages = [watch.seconds.get(number + 1 + (0 if lanes else pair.backlog), end - at) for number, at in enumerate(put)]
        return Outcome(tuple(ages), len(watch.seconds), left, pair.child.log.count("link up with"))


def _until(moment: float, look: Callable[[], None], is_done: Callable[[], bool] = lambda: False) -> None:
    while time.monotonic() < moment and not is_done():
        look()
        time.sleep(POLL_S)


def _put(pair: TwoNodes, number: int, *, lanes: bool) -> None:
    if lanes:
        row = [f"inc-{number}", f"ev-{number}", "fire", 3, "street", "open", "smoke in the underground car park, two people inside"]
        pair.child.call("put", resource="incidents", columns=INCIDENT, rows=[row])
    else:
        row = [f"dev-{number}", "PM2.5", 1.0, "smoke in the underground car park, two people inside", "ug/m3"]
        pair.child.call("put", resource=RESOURCE, columns=READING, rows=[row])


def main() -> int:
    """Both runs, printed side by side; 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alarms", type=int, default=500)
    parser.add_argument("--per-s", type=float, default=10.0)
    parser.add_argument("--kbit-s", type=float, default=1_000.0)
    parser.add_argument("--delay-ms", type=float, default=20.0)
    parser.add_argument("--loss", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    if reason := why_not():
        print(f"cannot run here: {reason}", file=sys.stderr)
        return 2
    wire = Wire(options.kbit_s, options.delay_ms, options.loss, options.seed)
    outcomes: list[Outcome] = []
    for lanes in (True, False):
        with tempfile.TemporaryDirectory(prefix="yn") as folder:
            outcome = run(Path(folder), wire, alarms=options.alarms, per_s=options.per_s, lanes=lanes)
        outcomes.append(outcome)
        print(f"lanes {'on' if lanes else 'off'}: done", file=sys.stderr, flush=True)
    print(table(*outcomes, alarms=options.alarms))
    on = outcomes[0]
    return 0 if on.percentile(99) <= GOAL_S and on.arrived >= options.alarms and all(each.backlog_left > 0 for each in outcomes) else 1


def table(on: Outcome, off: Outcome, *, alarms: int) -> str:
    """Both runs side by side, as text."""
    rows = [
        (f"of {alarms} alarms arrived", f"{on.arrived}", f"{off.arrived}"),
        ("p50", f"{on.percentile(50):.3f} s", f"{off.percentile(50):.3f} s"),
        (f"p99 (goal {GOAL_S:g} s)", f"{on.percentile(99):.3f} s", f"{off.percentile(99):.3f} s"),
        ("longest", f"{max(on.seconds):.3f} s", f"{max(off.seconds):.3f} s"),
        ("backlog left at the last alarm", f"{on.backlog_left:,}", f"{off.backlog_left:,}"),
        ("links that began", f"{on.lives}", f"{off.lives}"),
    ]
    return "\n".join(f"{name:<32}{left:>14}{right:>14}" for name, left, right in [("", "lanes on", "lanes off"), *rows])


if __name__ == "__main__":
    sys.exit(main())
