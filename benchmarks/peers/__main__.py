"""Catch-up beside other programs: `python -m benchmarks.peers [--rounds N] [--hops 1 4] [--json]`.

Rounds are interleaved: each runs the chain of nodes and then every program that is installed, with records of the same size. Each line
names the payload form and what an acknowledgement means. The nodes verify, decide the policy twice a hop and account for every record; the
others do none of that, and not all of them sync or encrypt. Programs that are not installed are named and skipped.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import chain_bench, stage_bench
from benchmarks.chain_bench import Case
from benchmarks.figures import Target, target_lines
from benchmarks.peers.common import Form, Peer, PeerError
from benchmarks.peers.mosquitto import Mosquitto
from benchmarks.peers.nats import Nats
from benchmarks.peers.postgres import Postgres
from benchmarks.peers.redis import Redis
from benchmarks.workload import Rules

POLICY = "policy"
PASS = "pass"


@dataclass(frozen=True, slots=True)
class Against:
    """One ratio: ours under some rules over one program in one form."""

    gate: str
    ours: str
    peer: Peer
    form: Form
    bound: Mapping[int, float]
    """Lowest ratio by hops."""
    records: Mapping[int, int]
    """What the program moves, by hops: enough for a second or two."""


POSTGRES, NATS, MOSQUITTO, REDIS = Postgres(), Nats(), Mosquitto(), Redis()
AGAINST = (
    Against("G1/G2", POLICY, POSTGRES, Form.SINGLE, {1: 10, 4: 15}, {1: 200_000, 4: 100_000}),
    Against("G1/G2", POLICY, NATS, Form.PACKED, {1: 1.5, 4: 1.5}, {1: 4_000_000, 4: 2_000_000}),
    Against("G1/G2", POLICY, MOSQUITTO, Form.PACKED, {1: 1.5, 4: 1.0}, {1: 2_000_000, 4: 1_000_000}),
    Against("G1/G2", POLICY, NATS, Form.SINGLE, {1: 25, 4: 25}, {1: 200_000, 4: 100_000}),
    Against("G3", PASS, NATS, Form.OPAQUE, {1: 0.8, 4: 0.8}, {1: 20_000_000, 4: 10_000_000}),
    Against("G3", PASS, REDIS, Form.OPAQUE, {1: 1.2, 4: 1.2}, {1: 10_000_000, 4: 5_000_000}),
    Against("G3", PASS, POSTGRES, Form.OPAQUE, {1: 1.2, 4: 1.2}, {1: 4_000_000, 4: 2_000_000}),
)
OURS = {
    (POLICY, 1): Case(rows=16_000, batches=400),
    (POLICY, 4): Case(hops=4, rows=16_000, batches=125),
    (PASS, 1): Case(rows=16_000, batches=800, rules=Rules.PASS),
    (PASS, 4): Case(hops=4, rows=16_000, batches=250, rules=Rules.PASS),
}
"""Batches as a node with a backlog seals them."""
FORM = "ours: Arrow lz4 batches of 16,000, fsync at each node, mTLS, signed and verified, gate at both ends of every hop"


def measure(hops: int, rounds: int) -> list[Target]:
    """All ratios of one chain length, from interleaved rounds."""
    rates: dict[tuple[str, str], list[float]] = {}
    failures: dict[tuple[str, str], str] = {}
    for _ in range(rounds):
        for rules in (POLICY, PASS):
            rates.setdefault((rules, ""), []).append(chain_bench.rounds_of(OURS[rules, hops], 1)[0].rate)
        for against in AGAINST:
            key = (against.peer.name, against.form.value)
            try:
                rates.setdefault(key, []).append(_peer_rate(against, hops))
            except PeerError as error:
                failures[key] = str(error)
    return [_target(against, hops, rates, failures) for against in AGAINST]


def _peer_rate(against: Against, hops: int) -> float:
    if missing := against.peer.missing():
        raise PeerError(f"skipped: {missing} is not installed")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # servers that drop root reach their own folder through it
        return against.peer.catch_up(folder, against.form, hops=hops, records=against.records[hops])


def _target(
    against: Against, hops: int, rates: Mapping[tuple[str, str], list[float]], failures: Mapping[tuple[str, str], str]
) -> Target:
    key = (against.peer.name, against.form.value)
    ours, theirs = rates[against.ours, ""], rates.get(key, [])
    whole = theirs if key not in failures else []
    notes = [f"{against.peer.name}: {against.peer.durability}"]
    if whole:
        notes.append(f"records/s: ours {median(ours):,.0f}, theirs {median(whole):,.0f}")
    else:
        notes.append(failures[key])
    return Target(
        against.gate, f"{hops} hop(s), {against.ours} / {against.peer.name}, {against.form.value}", against.bound[hops], True,
        tuple(our / their for our, their in zip(ours, whole, strict=False)), FORM, tuple(notes),
        {"ours": median(ours), "theirs": median(whole) if whole else 0.0},
    )  # fmt: skip


def lines_of(targets: Sequence[Target]) -> str:
    """What is printed of them."""
    return "\n".join(line for target in targets for line in target_lines(target))


def main() -> None:
    """Run the rounds and print the ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hops", type=int, nargs="+", default=[1, 4], choices=(1, 4))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    targets: list[Target] = []
    for hops in options.hops:
        judged = measure(hops, options.rounds)
        targets += judged
        if not options.json:
            print(lines_of(judged), flush=True)
    gate_cost = stage_bench.measure().costs["gate of the receiver"]
    if options.json:
        print(json.dumps({"targets": [target.encoded() for target in targets], "receiver_gate_cpu_s_per_million": gate_cost}, indent=2))
        return
    print(f"the receiver's gate, which none of the others has: {gate_cost:.3f} CPU s per million records")


if __name__ == "__main__":
    main()
