"""Hypothesis strategies for every message a node may send."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from hypothesis import strategies as st

from sync.core.messages import Ack, Answer, Bundles, Data, Heartbeat, Hello, InForce, Message, Position, Query, Refused, Stop, Wants
from sync.model import (
    NO_ROWS,
    Batch,
    BatchHeader,
    ClockQuality,
    Direction,
    Frame,
    HybridTime,
    Lane,
    Level,
    Life,
    Manifest,
    PolicyVersion,
    Run,
    Span,
    State,
)
from sync.model.renumbering import HeldBefore, Renumbered

numbers = st.integers(0, (1 << 63) - 1)
small = st.integers(0, 1_000)
digests = st.binary(min_size=32, max_size=32)
nodes = st.from_regex(r"[a-z0-9][a-z0-9-]{0,8}[a-z0-9]", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
lanes, directions = st.sampled_from(Lane), st.sampled_from(Direction)
times = st.builds(HybridTime, numbers, numbers)
policies = st.builds(PolicyVersion.of, st.dictionaries(nodes, numbers, max_size=4))
spans = st.tuples(numbers, numbers).map(lambda pair: Span(min(pair), max(pair)))
clocks = st.builds(ClockQuality, st.integers(-(1 << 62), 1 << 62), numbers)
positions = st.builds(Position, directions, lanes, numbers, digests)
lives = st.lists(numbers, max_size=5).map(lambda ends: tuple(Life(index + 1, after) for index, after in enumerate(sorted(ends))))
manifests = st.builds(Manifest, nodes, digests, st.lists(digests, max_size=3).map(tuple), st.binary(min_size=64, max_size=64))
absent_states = st.sampled_from([state for state in State if state not in (State.PENDING, State.PRESENT)])


@st.composite
def run_tables(draw: st.DrawFn) -> tuple[Run, ...]:
    """Runs of a few streams, ascending in each, whose rows fill a payload without gaps."""
    reached: dict[tuple[str, int], int] = {}
    streams = draw(st.lists(st.tuples(nodes, st.integers(1, 1 << 62)), min_size=1, max_size=3))
    runs, row = [], 0
    for _ in range(draw(st.integers(0, 8))):
        origin, incarnation = stream = draw(st.sampled_from(streams))
        first = reached.get(stream, 0) + draw(st.integers(1, 50))
        last = first + draw(st.integers(0, 20))
        reached[stream] = last
        at, clock = draw(times), draw(clocks)
        if draw(st.booleans()):
            runs.append(Run(origin, incarnation, first, last, row, at=at, clock=clock))
            row += last - first + 1
        else:
            reason, decider = draw(st.sampled_from(["", "denied", "quota"])), draw(st.one_of(st.just(""), nodes))
            runs.append(Run(origin, incarnation, first, last, NO_ROWS, draw(absent_states), reason, decider, at, clock))
    return tuple(runs)


def rows_of(runs: Iterable[Run]) -> int:
    """Records of these runs that are in the payload."""
    return sum(run.count for run in runs if run.state.has_rows)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """Frames that hold together."""
    runs, lane, parts = draw(run_tables()), draw(lanes), draw(st.integers(1, 9))
    payload = draw(st.binary(min_size=1, max_size=100)) if rows_of(runs) else b""
    earliest, latest = sorted((draw(st.integers(-(1 << 62), 1 << 62)), draw(st.integers(-(1 << 62), 1 << 62))))
    header = BatchHeader(
        resource=draw(st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)),
        lane=lane,
        schema_version=draw(small),
        row_count=rows_of(runs),
        runs=runs,
        payload_sha256=hashlib.sha256(payload).digest(),
        payload_bytes=len(payload),
        decoded_bytes=draw(small),
        event_time_min_us=earliest,
        event_time_max_us=latest,
        grade_max=draw(st.integers(0, 4)),
        territories=tuple(sorted(draw(st.sets(st.from_regex(r"[0-9]{0,15}", fullmatch=True), max_size=5)))),
        direction=draw(directions),
        origin_distance=draw(st.integers(0, 9)),
        policy_version=draw(st.one_of(st.just(b""), digests)),
        plan_hash=draw(st.one_of(st.just(b""), digests)),
        backfill=draw(st.booleans()),
    )
    batch = Batch(header, payload, draw(st.none() | manifests), draw(st.none() | manifests))
    return Frame(lane, draw(directions), draw(spans), draw(st.integers(0, parts - 1)), parts, batch)


@st.composite
def acks(draw: st.DrawFn) -> Ack:
    """Acks whose secured mark is not ahead of the stored one."""
    span = draw(spans)
    return Ack(draw(directions), draw(lanes), stored=span.upto, secured=span.after)


lives_from_1 = st.integers(1, 1 << 62)
resources = st.sampled_from(["enterprises", "air-quality"])
numbers_of_records = st.integers(0, (1 << 53) - 1)
ranges = st.lists(st.integers(1, (1 << 53) - 1), max_size=8, unique=True).map(
    lambda found: tuple(zip(sorted(found)[::2], sorted(found)[1::2], strict=False))
)

wanted = st.builds(Wants, st.lists(resources, unique=True).map(sorted).map(tuple), st.binary(max_size=64), st.booleans())
hellos = st.builds(
    Hello,
    nodes,
    st.integers(1, 1 << 62),
    st.sampled_from(Level),
    st.sampled_from(["37", "3702", "370202001", "370202001001001"]),
    policies,
    st.lists(positions, max_size=4, unique_by=lambda position: (position.direction, position.lane)).map(tuple),
    numbers,
    st.just(1),
    st.integers(1, 9),
    st.sampled_from(["", "0.1.0"]),
    times,
    lives,
    lives,
    st.none() | manifests,
    st.booleans(),
    st.lists(st.builds(Renumbered, lives_from_1, lanes, resources, numbers_of_records), max_size=3).map(tuple),
    st.lists(st.builds(HeldBefore, lives_from_1, lanes, resources, ranges), max_size=3).map(tuple),
    wants=st.none() | wanted,
)
messages: st.SearchStrategy[Message] = st.one_of(
    hellos,
    st.builds(Data, frames()),
    acks(),
    st.builds(Refused, directions, lanes, spans, small, texts, policies, under=st.one_of(st.just(b""), digests)),
    st.builds(InForce, policies, st.lists(st.sampled_from(["stale-policy", "provisional-hold", "未分级"]), max_size=8).map(tuple)),
    st.builds(Bundles, *[st.lists(st.binary(max_size=50), max_size=4).map(tuple)] * 2),
    wanted,
    st.builds(Heartbeat, st.binary(max_size=100), times, st.booleans()),
    st.builds(Query, numbers, st.from_regex(r"[a-z][a-z0-9_-]{0,20}", fullmatch=True), st.binary(max_size=100)),
    st.builds(Answer, numbers, st.binary(max_size=100), texts),
    st.builds(Stop, texts),
)
