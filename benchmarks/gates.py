"""The ratios that the project promises, each with its bound: PASS or FAIL, medians of rounds, payload form and durability named.

Called by run.py (`python -m benchmarks.run gates`, or one by its name). A ratio is made of figures of one round, measured one after
the other on the same machine; only the ratio is judged. Those against other programs are in peers.py.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median

from benchmarks import (
    camera_bench,
    chain_bench,
    door_gate,
    idle_devices,
    latency_bench,
    life_bench,
    policy_bench,
    policy_spread,
    stage_bench,
    swap_bench,
    wire_bench,
)
from benchmarks.chain_bench import Case, Round
from benchmarks.chain_files import make_chain
from benchmarks.figures import Target
from benchmarks.workload import Rules

DURABLE = "Arrow lz4 dictionary batches; 5 % withheld, device masked; fsync at each node, mTLS, signed and verified"
LARGE = Case(batches=1_000)
"""Five million records: what opening the links costs is lost in them."""
LIVE = Case(batches=1_000, live=True)
SMALL = Case(rows=100, batches=20_000)
TWO_HOPS = Case(hops=2, batches=600)
FOUR_HOPS = Case(hops=4, batches=400)


def _round(case: Case) -> Round:
    return chain_bench.rounds_of(case, 1)[0]


def efficiency(rounds: int) -> list[Target]:
    """G4: what the stages cost alone, over what both ends took."""
    stages, runs = [stage_bench.measure_beside()], []
    for _ in range(rounds):
        runs.append(_round(LARGE))
        stages.append(stage_bench.measure_beside())
    # Each run over the stages just before and just after it: the machine's speed moves by half within minutes.
    around = [(before.total + after.total) / 2 for before, after in pairwise(stages)]
    values = tuple(alone / sum(run.cpu_s) for alone, run in zip(around, runs, strict=True))
    receiver_gate = median(stage.costs["gate of the receiver"] for stage in stages)
    alone, both = median(stage.total for stage in stages), median(sum(run.cpu_s) for run in runs)
    notes = (
        f"CPU s per million: stages alone {alone:.3f}, both ends {both:.3f}",
        f"of the stages the receiver's gate, decided again over every row: {receiver_gate:.3f}",
    )
    form = f"catch-up, one hop, batches of 5,000; {DURABLE}"
    return [Target("G4", "stages and journal / CPU of both ends", 0.65, True, values, form, notes)]


def live(rounds: int) -> list[Target]:
    """G5: ingest and replication at once, over catch-up."""
    return [_rates("G5", "live / catch-up, records/s", 0.7, LIVE, LARGE, rounds, f"one hop; the lowest node seals Arrow rows; {DURABLE}")]


def small(rounds: int) -> list[Target]:
    """G6: batches of 100 records over batches of 5,000."""
    return [_rates("G6", "batches of 100 / batches of 5,000, records/s", 0.5, SMALL, LARGE, rounds, f"catch-up, one hop; {DURABLE}")]


def _rates(name: str, what: str, bound: float, case: Case, base: Case, rounds: int, form: str) -> Target:
    pairs = [(_round(case), _round(base)) for _ in range(rounds)]
    notes = tuple(
        f"{title}: {median(run.rate for run in runs):,.0f} records/s, CPU s per million top down "
        + " + ".join(f"{median(values):.2f}" for values in zip(*(run.cpu_s for run in runs), strict=True))
        for title, runs in (("measured", [pair[0] for pair in pairs]), ("against", [pair[1] for pair in pairs]))
    )
    by_cpu = median(sum(pair[1].cpu_s) / sum(pair[0].cpu_s) for pair in pairs)
    return Target(
        name, what, bound, True, tuple(left.rate / right.rate for left, right in pairs), form,
        (*notes, f"the same ratio by CPU of both ends, which other work on the machine moves less: {by_cpu:.2f}"),
    )  # fmt: skip


def middle(rounds: int) -> list[Target]:
    """G7: CPU of a middle node over that of both ends of one hop."""
    pairs = [(_round(TWO_HOPS), _round(LARGE)) for _ in range(rounds)]
    values = tuple(two.cpu_s[1] / sum(one.cpu_s) for two, one in pairs)
    return [Target("G7", "CPU of a middle node / both ends of one hop", 1.0, False, values, f"catch-up, two hops and one; {DURABLE}")]


def latency(rounds: int) -> list[Target]:
    """G9: what a hop takes beyond two fsyncs."""
    found = [latency_bench.measure(hops=4) for _ in range(rounds)]
    hop = f"a hop: p50 {median(run.p50_ms for run in found):.2f} ms, p99 {median(run.p99_ms for run in found):.2f} ms"
    sync = f"fsync of 4 KiB p50 {median(run.fsync_p50_ms for run in found):.2f} ms"
    whole = f"from the offer at the lowest node to the top: p50 {median(run.offered_p50_ms for run in found):.2f} ms"
    beyond, form = tuple(run.beyond_ms for run in found), "10 records, four idle hops; fsync at each node, mTLS"
    return [Target("G9", "p50 of a hop less two fsyncs, ms", 1.0, False, beyond, form, (hop, whole, sync))]


def thin_bytes(rounds: int) -> list[Target]:
    """G10: bytes a record takes on a thin link, over its 91 bytes as JSON."""
    found = [wire_bench.bytes_per_record(mbit_s) for mbit_s in wire_bench.LINKS_MBIT_S]
    notes = tuple(
        f"{mbit_s:g} Mbit/s: {bytes_:.1f} bytes a record, {bytes_ / wire_bench.JSON_BYTES:.3f}"
        for mbit_s, bytes_ in zip(wire_bench.LINKS_MBIT_S, found, strict=True)
    )
    worst = max(bytes_ for mbit_s, bytes_ in zip(wire_bench.LINKS_MBIT_S, found, strict=True) if mbit_s <= wire_bench.THIN_MBIT_S)
    form = "whole messages: payload (zstd, dictionaries), header, run table and signature; TLS and HTTP/2 not counted; batches of 5,000"
    return [Target("G10", "bytes a record / 91", 0.15, False, (worst / wire_bench.JSON_BYTES,) * rounds, form, notes)]


def memory(rounds: int) -> list[Target]:
    """G12: the largest node at full rate, and a node at rest over its imports."""
    runs = [_round(case) for _ in range(rounds) for case in (LARGE, FOUR_HOPS)]
    with tempfile.TemporaryDirectory(prefix="yb") as name:
        folders = make_chain(Path(name), hops=1, rules=Rules.POLICY, now_us=time.time_ns() // 1_000)
        rest = tuple(life_bench.starts(folders[:1], at_rest=True).rss_mb[0] / life_bench.imports().rss_mb[0] for _ in range(rounds))
    peak = tuple(max(run.rss_mb) for run in runs)
    return [
        Target("G12", "RSS of the largest node at full rate, MB", 200.0, False, peak, f"catch-up, one hop and four; {DURABLE}"),
        Target("G12", "RSS of a node at rest / its imports", 1.3, False, rest, "yunnao run, provincial node, empty journal"),
    ]


def national(rounds: int) -> list[Target]:
    """G13: computed, because no suite with SM3 and SM4-GCM is built in."""
    pairs = [(stage_bench.measure(), stage_bench.measure(compression="zstd")) for _ in range(rounds)]
    values = tuple(lz4.total / _under_national(lz4) for lz4, _ in pairs)
    dense = median(lz4.total / _under_national(zstd) for lz4, zstd in pairs)
    notes = (
        f"with zstd under SM4, whose bytes are dearer than compressing them, against lz4 under AES: {dense:.2f}",
        "computed, not run: the node has no national suite; SM3 and SM4-GCM are there in the package cryptography",
        "missing: TLS 1.3 with SM2 and SM4 (RFC 8998), which gRPC's BoringSSL lacks, SM2 certificates, a suite name in manifests",
    )
    form = "CPU of the stages of one hop with SM3 and SM4-GCM in the place of SHA-256 and AES-256-GCM for the payload"
    return [Target("G13", "catch-up SM3/SM4-GCM / SHA-256/AES, by CPU", 0.6, True, values, form, notes)]


def _under_national(stages: stage_bench.Stages) -> float:
    """The stages with the national suite in the place of the other."""
    return stages.total + stages.per_million(stage_bench.national) - stages.per_million(stage_bench.international)


GATES: dict[str, Callable[[int], Sequence[Target]]] = {
    "g4": efficiency,
    "g5": live,
    "g6": small,
    "g7": middle,
    "g8": door_gate.targets,
    "g8-idle": idle_devices.targets,
    "g9": latency,
    "g10": thin_bytes,
    "g12": memory,
    "g13": national,
    "g16": policy_bench.targets,
    "g16-spread": policy_spread.targets,
    "cam": camera_bench.targets,
    "swap": swap_bench.targets,
}
"""All of them, by name."""
