"""A thin, long, lossy link under a backlog, beside bare TCP through the same pipe and seed: `python -m benchmarks.thin_link [--seconds
600]`.

Two real nodes in network namespaces, joined by the tests' own pipe (50 kbit/s, 600 ms round trip, 5 % loss each way by default).
Counted are the payload bytes of frames that the parent has committed, from the moment the link is up; headers, signatures, heartbeats,
TLS and HTTP/2 count against it, and policy and identity exchange are over by then. Bare TCP gets its own fresh pipe with the same seed
and the same time, counted by application acknowledgements. Both use the kernel's congestion control, which is printed.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from node.clock import SystemClock
from tests.network.plant import bare_tcp_bytes, why_not
from tests.network.shaper import Wire
from tests.network.thin import TwoNodes

GOAL = 0.8
"""Acknowledged payload bytes over those of bare TCP."""
BYTES_PER_BATCH = 4_000
ROWS = 50
CONGESTION_CONTROL = Path("/proc/sys/net/ipv4/tcp_congestion_control")
LINK_TIMEOUT_S = 90.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run gave."""

    payload_bytes: int
    records: int
    link_up_s: float
    """From the child's start until its link was up."""
    ends: tuple[str, ...]
    """What the child wrote when a link ended: empty is a run without a flap."""
    lost_packets: int


def run(folder: Path, wire: Wire, *, seconds: float) -> Outcome:
    """Drain a backlog over `wire` for `seconds` after the link came up."""
    clock = SystemClock()
    batches = round(wire.bytes_s * seconds * 2 / BYTES_PER_BATCH) + 50
    with TwoNodes(folder, wire, batches=batches, rows=ROWS) as pair:
        pair.cluster.start()
        began = clock.now()
        pair.cluster.wait("the link", lambda: pair.status(pair.child)["link"]["state"] == "up", timeout_s=LINK_TIMEOUT_S)
        up = clock.now()
        while clock.now().seconds_since(up) < seconds:
            pair.child.pace()
        payload_bytes = stored_bytes(pair.parent.journal)
        facts = pair.pipe.tell("stats")
        return Outcome(
            payload_bytes,
            pair.arrived(),
            up.seconds_since(began),
            tuple(line for line in pair.child.log.splitlines() if "link down with" in line),
            sum(side["lost"] for side in facts),
        )


def stored_bytes(journal: Path) -> int:
    """Payload bytes of a journal's batches, read beside the running node."""
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
        (total,) = connection.execute("SELECT coalesce(sum(payload_bytes), 0) FROM batch").fetchone()
    return int(total)


def asked_for(doc: str | None, *, seconds: float, kbit_s: float, delay_ms: float, loss: float) -> tuple[Wire, float] | None:
    """The link and the seconds of the command line, else these; None, and why on stderr, where no such link can be made."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--seconds", type=float, default=seconds, help="of each stretch")
    parser.add_argument("--kbit-s", type=float, default=kbit_s)
    parser.add_argument("--delay-ms", type=float, default=delay_ms, help="one way")
    parser.add_argument("--loss", type=float, default=loss)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    if reason := why_not():
        print(f"cannot run here: {reason}", file=sys.stderr)
        return None
    return Wire(options.kbit_s, options.delay_ms, options.loss, options.seed), options.seconds


def main() -> int:
    """Run both and print the ratio; 1 when it is under the goal or the link flapped."""
    asked = asked_for(__doc__, seconds=600.0, kbit_s=50.0, delay_ms=300.0, loss=0.05)
    if asked is None:
        return 2
    wire, seconds = asked
    print(f"{wire}; congestion control {CONGESTION_CONTROL.read_text('ascii').strip()}; {seconds:g} s", flush=True)
    with tempfile.TemporaryDirectory(prefix="yn") as folder:
        ours = run(Path(folder), wire, seconds=seconds)
    bare = bare_tcp_bytes(wire, seconds=seconds)
    ratio = ours.payload_bytes / bare
    print(
        f"yunnao {ours.payload_bytes / seconds:,.0f} payload bytes/s ({ours.records} records), "
        f"bare TCP {bare / seconds:,.0f} bytes/s, ratio {ratio:.2f} (goal {GOAL}); "
        f"link up after {ours.link_up_s:.1f} s, {ours.lost_packets} packets lost",
        *ours.ends,
        sep="\n",
    )
    return 0 if ratio >= GOAL and not ours.ends else 1


if __name__ == "__main__":
    sys.exit(main())
