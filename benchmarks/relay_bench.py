"""Does a relay merge, and does it pay for many origins? `python -m benchmarks.relay_bench`.

Ten thousand origins with one record per 10 s reach a district through ten streets, one record a frame; the district is joined to its
municipality. Engines, pipeline, codec and journals are the product's; time is simulated, so that a lane lingers as it would. Called by
run.py. The gate lets everything pass and signatures are hashes: policy and signing have benchmarks of their own.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
import tracemalloc
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import pyarrow as pa

from benchmarks.figures import Figure
from node.engine.pipeline import Pipeline, Self
from node.store.journal import SqliteJournal, open_journal
from sync.core.engine import Engine
from sync.core.messages import Ack, Data, Hello, Message
from sync.core.ready import PeerFacts
from sync.model import (
    DEFAULT_LIMITS,
    MICROSECONDS,
    Batch,
    BatchHeader,
    ClockQuality,
    Direction,
    Frame,
    HybridTime,
    Instant,
    Lane,
    Level,
    Manifest,
    PolicyVersion,
    Run,
    Span,
    State,
    StateRange,
    Stream,
    signed_bytes,
)
from sync.model.writes import ChangeStream
from sync.ports import Flow, Outcome, Released, let_rows_go
from sync.wire.codec import decode, encode
from sync.wire.codec_batch import header_digest
from sync.wire.payload import decoded_size, encode_payload

ORIGINS = (100, 1_000, 10_000)
STREETS = 10
PERIOD_S = 10.0
"""Seconds between two records of one origin."""
RATE_HZ = 200.0
"""Records per second where the work of an acknowledgement is compared: the same for however many origins."""
KNOWN = 1_000
"""Records of every origin that the district has from before."""
SECONDS = 15.0
"""Simulated time of one run."""
STEP_S = 0.05
"""Simulated time of one step: what is sent in one arrives in the next, so a round trip takes two."""
WARM_UP_S = 5.0
"""Batches before this are not counted: the first frame of a link is not lingered for."""
STREAMS_PER_ORIGIN = 4
RANGES_PER_STREAM = 4
RUN_STATE_MB_MAX = 64
MEAN_RECORDS_MIN = 1_000
ORIGIN_LIFE = 7
"""Incarnation of every origin."""
START_US = 1_790_000_000_000_000
RESOURCE = "air-quality"
VERSION = PolicyVersion.of({"bench": 1})
COLUMNS: dict[str, pa.DataType] = {
    "event_time": pa.timestamp("us", "UTC"), "territory": pa.string(), "grade": pa.int8(), "value": pa.float64(),
}  # fmt: skip
SCHEMA = pa.schema(COLUMNS)


class PassGate:
    """Everything may go up, nothing returns."""

    version = VERSION

    def addressed(self, flow: Flow) -> frozenset[str] | None:
        return None if flow.direction is Direction.UP else frozenset()

    def glance(self, flow: Flow, header: BatchHeader) -> Outcome | None:
        return Outcome.WHOLE if flow.direction is Direction.UP else Outcome.ELSEWHERE

    def closed_for(self, flow: Flow, header: BatchHeader) -> Released:
        raise AssertionError("this gate closes nothing")

    def whole_for(self, flow: Flow, header: BatchHeader) -> Released:
        return let_rows_go(Outcome.WHOLE, header.runs, None, b"p" * 32, header.grade_max)

    def release(self, flow: Flow, stored: object, rows: pa.RecordBatch) -> Released:
        raise AssertionError("this gate decides at a glance")

    def plan_hash(self, flow: Flow, header: BatchHeader) -> bytes:
        return b"p" * 32

    def reopened(self, flow: Flow, decided: Collection[tuple[str, bytes]]) -> frozenset[tuple[str, bytes]]:
        return frozenset()

    def inspect(self, flow: Flow, header: BatchHeader, rows: pa.RecordBatch | None) -> str:
        return ""

    def needs_rows(self, flow: Flow, header: BatchHeader) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class HashVouch:
    """Signs with a hash: what a signature costs is not the question here."""

    issuer: str

    def sign(self, header_sha256: bytes, inputs: tuple[bytes, ...]) -> Manifest:
        return Manifest(self.issuer, header_sha256, inputs, _signature(self.issuer, header_sha256, inputs))

    def check(self, manifest: Manifest, *, issuer: str) -> bool:
        return manifest.signature == _signature(issuer, manifest.header_sha256, manifest.inputs)


def _signature(issuer: str, header_sha256: bytes, inputs: tuple[bytes, ...]) -> bytes:
    return hashlib.sha512(signed_bytes(issuer, header_sha256, inputs)).digest()


@dataclass(slots=True)
class Host:
    """One node: engine, pipeline and journal, jobs done at once."""

    id: str
    level: Level
    journal: SqliteJournal
    engine: Engine
    pipeline: Pipeline
    sent: deque[Message] = field(default_factory=deque)
    """Messages for the other end of the measured link."""
    other: str = ""

    @classmethod
    def make(cls, folder: Path, node: str, level: Level, streams: list[Stream], *, has_parent: bool) -> Host:
        """A node that has the first records of `streams` and no batch."""
        journal = open_journal(folder / f"{node}.db", node=node, incarnation=1)
        journal.commit([ChangeStream(stream, (), (StateRange(1, KNOWN, State.PRESENT),)) for stream in streams])
        pipeline = Pipeline(
            me=Self(node, level, "3702"), journal=journal, gate_of=PassGate, vouch=HashVouch(node), limits=DEFAULT_LIMITS
        )
        return cls(node, level, journal, engine_of(journal, node, has_parent=has_parent), pipeline)

    def turn(self, now: Instant) -> None:
        """One turn and the turns that its jobs lead to."""
        while True:
            ready = self.engine.ready(now)
            if ready.writes:
                self.journal.commit(ready.writes)
            self.sent.extend(send.message for send in ready.sends if send.peer == self.other)
            outcomes = [self.pipeline.run(job) for job in ready.jobs]
            self.engine.advance()
            if not outcomes:
                return
            for outcome in outcomes:
                self.engine.gated(outcome, now)

    def hello(self) -> Hello:
        """What it says first to a peer it has never met."""
        return Hello(self.id, 1, self.level, "3702", VERSION, (), 1)

    def facts(self, *, is_parent: bool) -> PeerFacts:
        """What a peer knows of it."""
        return PeerFacts(self.id, 1, self.level, "3702", is_parent, frozenset() if is_parent else frozenset({self.id}))


def origin_id(origin: int) -> str:
    """The name of an origin."""
    return f"grid-{origin:05d}"


def engine_of(journal: SqliteJournal, node: str, *, has_parent: bool) -> Engine:
    """The engine of a node as it starts."""
    return Engine(
        node=node, incarnation=1, has_parent=has_parent, version=VERSION, recovered=journal.recover(), limits=DEFAULT_LIMITS,
        clock=ClockQuality(),
    )  # fmt: skip


@dataclass(slots=True)
class Street:
    """A child of the district that hands on what its origins send, each record in a frame of its own."""

    id: str
    lane: Lane
    vouch: HashVouch
    sent: int = 0

    def frame(self, origin: int, number: int, at_us: int) -> Frame:
        """The frame with record `number` of an origin."""
        rows = pa.RecordBatch.from_arrays(
            [pa.array([value], kind) for value, kind in zip((at_us, "370202", 1, float(number)), SCHEMA.types, strict=True)], schema=SCHEMA
        )
        payload = encode_payload(rows, compression="lz4")
        run = Run(origin_id(origin), ORIGIN_LIFE, number, number, 0, at=HybridTime(at_us))
        header = BatchHeader(
            RESOURCE, self.lane, 1, 1, (run,), hashlib.sha256(payload).digest(), len(payload), decoded_size(payload), at_us, at_us, 1,
            ("370202",), origin_distance=2, policy_version=VERSION.digest, plan_hash=b"p" * 32,
        )  # fmt: skip
        self.sent += 1
        batch = Batch(header, payload, self.vouch.sign(header_digest(header), ()))
        return Frame(self.lane, Direction.UP, Span(self.sent - 1, self.sent), 0, 1, batch)


@dataclass(frozen=True, slots=True)
class Merged:
    """What one run showed."""

    origins: int
    lane: Lane
    mean_records: float
    """Records of a batch at the municipality."""
    ack_us: float
    """The district's work for one acknowledgement of its parent, commit included; median, microseconds."""
    ack_cpu_us: float
    """The same without the commit: the engine alone."""
    records: int


class Pair:
    """A district under a municipality, and ten streets under the district."""

    def __init__(self, folder: Path, lane: Lane, origins: int) -> None:
        known = [Stream(origin_id(origin), ORIGIN_LIFE, lane, RESOURCE) for origin in range(origins)]
        self.district = Host.make(folder, "district", Level.DISTRICT, known, has_parent=True)
        self.city = Host.make(folder, "city", Level.MUNICIPAL, known, has_parent=False)
        self.district.other, self.city.other = "city", "district"
        self.streets = [Street(f"street-{index}", lane, HashVouch(f"street-{index}")) for index in range(STREETS)]
        now = Instant(0)
        for street in self.streets:
            facts = PeerFacts(street.id, 1, Level.STREET, "3702", False, frozenset({street.id}))
            self.district.engine.link_up(facts, Hello(street.id, 1, Level.STREET, "3702", VERSION, (), 1), {}, now)
        self.district.engine.link_up(self.city.facts(is_parent=True), self.city.hello(), {}, now)
        self.city.engine.link_up(self.district.facts(is_parent=False), self.district.hello(), {}, now)
        self.acks: list[tuple[float, float]] = []

    def step(self, due: list[int], number_of: list[int], now: Instant) -> None:
        """Let the records of the origins in `due` arrive, and everything happen that follows."""
        for origin in due:
            street = self.streets[origin % STREETS]
            number_of[origin] += 1
            frame = street.frame(origin, number_of[origin], START_US + now.us)
            self.district.engine.receive(street.id, Data(frame), now)
        frames, acks = list(self.district.sent), list(self.city.sent)
        self.district.sent.clear()
        self.city.sent.clear()
        self.district.turn(now)
        for message in acks:
            self._acknowledge(_crossed(message), now)
        for message in frames:
            self.city.engine.receive("district", _crossed(message), now)
        self.city.turn(now)

    def _acknowledge(self, message: Message, now: Instant) -> None:
        began = time.perf_counter()
        self.district.engine.receive("city", message, now)
        ready = self.district.engine.ready(now)
        decided = time.perf_counter()
        if ready.writes:
            self.district.journal.commit(ready.writes)
        self.district.engine.advance()
        self.district.sent.extend(send.message for send in ready.sends if send.peer == "city")
        if isinstance(message, Ack):
            self.acks.append((time.perf_counter() - began, decided - began))
        for job in ready.jobs:
            self.district.engine.gated(self.district.pipeline.run(job), now)

    def close(self) -> None:
        """Release the files."""
        self.district.journal.close()
        self.city.journal.close()


def _crossed(message: Message) -> Message:
    decoded = decode(encode(message), DEFAULT_LIMITS)
    assert isinstance(decoded, Data | Ack), "only frames and acknowledgements cross here"
    return decoded


def merge(origins: int, lane: Lane, *, period_s: float = PERIOD_S, seconds: float = SECONDS) -> Merged:
    """One run of the pair; every origin sends once in `period_s`."""
    with tempfile.TemporaryDirectory() as folder:
        pair = Pair(Path(folder), lane, origins)
        number_of = [KNOWN] * origins
        steps_per_period = round(period_s / STEP_S)
        warm_lsn = 0
        for step in range(round(seconds / STEP_S)):
            due = list(range(step % steps_per_period, origins, steps_per_period))
            pair.step(due, number_of, Instant(round(step * STEP_S * MICROSECONDS)))
            if step == round(WARM_UP_S / STEP_S):
                warm_lsn = pair.city.journal.last_lsn
        found = pair.city.journal.read(lane, Span(warm_lsn, 1 << 40), batches_max=1 << 20, bytes_max=1 << 40)
        pair.close()
    counts = [stored.batch.header.row_count for stored in found]
    whole, engine = zip(*pair.acks, strict=True)
    return Merged(origins, lane, sum(counts) / len(counts), median(whole) * 1e6, median(engine) * 1e6, sum(counts))


def run_state_mb(origins: int) -> float:
    """Memory that a started node holds for the run maps of its origins, in MB: four streams each, four ranges a stream."""
    states = (State.PRESENT, State.DENIED, State.PRESENT, State.HELD)
    ranges = tuple(StateRange(1_000 * index + 1, 1_000 * index + 1_000, state) for index, state in enumerate(states))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        journal = open_journal(path, node="city", incarnation=1)
        for resource in ("air-quality", "noise", "water-level", "traffic")[:STREAMS_PER_ORIGIN]:
            streams = [Stream(origin_id(origin), ORIGIN_LIFE, Lane.BULK, resource) for origin in range(origins)]
            journal.commit([ChangeStream(stream, (), ranges[:RANGES_PER_STREAM]) for stream in streams])
        journal.close()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        journal = open_journal(path, node="city", incarnation=1)
        engine = engine_of(journal, "city", has_parent=False)
        held = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        assert len(engine.streams) == origins * STREAMS_PER_ORIGIN
        journal.close()
    return held / 1e6


def figures(rounds: int) -> list[Figure]:
    """For run.py: merging, run state and the work of an acknowledgement, each beside its bound."""
    top, low = max(ORIGINS), min(ORIGINS)
    merged = [merge(top, Lane.BULK) for _ in range(rounds)]
    runs = [{origins: merge(origins, Lane.BULK, period_s=origins / RATE_HZ) for origins in ORIGINS} for _ in range(rounds)]
    form = f"{top} origins, 1 record per {PERIOD_S:g} s each, {STREETS} streets -> district -> municipality; simulated time"
    state = run_state_mb(top)
    return [
        Figure(
            "relay merge", "rec/batch", tuple(run.mean_records for run in merged), (float(MEAN_RECORDS_MIN),) * rounds,
            "asked: at least this", form,
        ),
        Figure(
            "relay run state", "MB", (state,), (float(RUN_STATE_MB_MAX),), "asked: less than this",
            f"{top} origins x {STREAMS_PER_ORIGIN} streams x {RANGES_PER_STREAM} ranges, tracemalloc of journal and engine after a start",
        ),
        Figure(
            "relay acknowledgement", "us", tuple(run[top].ack_cpu_us for run in runs), tuple(run[low].ack_cpu_us for run in runs),
            f"the same with {low} origins",
            f"the district's engine for one acknowledgement; {RATE_HZ:g} records/s in all",
            "with commit and fsync: " + ", ".join(f"{median(run[origins].ack_us for run in runs):.0f} us" for origins in ORIGINS),
        ),
    ]  # fmt: skip


def main(arguments: list[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args(arguments)
    for lane in (Lane.BULK, Lane.STATE):
        for origins in ORIGINS:
            for period_s in (PERIOD_S, origins / RATE_HZ):
                run = merge(origins, lane, period_s=period_s, seconds=options.seconds)
                print(
                    f"{lane.word:<6} {origins:>6} origins, {origins / period_s:>5.0f} records/s: {run.mean_records:>6.0f} records a batch "
                    f"above; an acknowledgement costs {run.ack_us:.0f} us with its commit, {run.ack_cpu_us:.0f} us in the engine",
                    flush=True,
                )
    print(f"run state of {max(ORIGINS)} origins x {STREAMS_PER_ORIGIN} streams: {run_state_mb(max(ORIGINS)):.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
