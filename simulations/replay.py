"""Runs a recording of a real node again: the production engine from the recorded snapshot, the recorded inputs, simulated time.

After each recorded turn the engine's output is compared with what the node's engine did; the first difference ends the replay and is
named. The writes go into a real journal of the replay's own (replay_journal.py) and are checked there. Refuses files that are no whole
recording (TraceError). Called by simulations/replay_verb.py.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from node.clock import Clock
from node.tracing.errors import TraceError
from node.tracing.file import End, Record, Snapshot, Turn, read_trace
from node.tracing.inputs import Input
from node.tracing.outlines import Item, Outline, outline
from node.tracing.values import Veil
from simulations.checkers import Promise, Violation
from simulations.clock import WorldClock
from simulations.replay_journal import ReplayJournal
from sync.core.engine import Engine
from sync.core.pacing import CapTable
from sync.model import MICROSECONDS, Instant, SyncError

BREAKS = (
    SyncError, AssertionError, LookupError, ArithmeticError, ValueError, TypeError, StopIteration, AttributeError, msgspec.MsgspecError,
)  # fmt: skip
"""What an engine may stop with on inputs that no node gave it: a recording is hostile until it is through."""

NOTHING = "nothing more"


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the replay left the recording."""

    number: int
    """The last input before it; inputs count from 1."""
    at_s: float
    """Seconds since the recording began."""
    expected: str
    came: str


@dataclass(slots=True)
class Replay:
    """What a replay found."""

    node: str = ""
    software: str = ""
    seconds: float = 0.0
    """Recorded time."""
    inputs: int = 0
    turns: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    batches: int = 0
    writes: int = 0
    left_out: int = 0
    ended: str = ""
    difference: Difference | None = None
    violations: list[Violation] = field(default_factory=list)
    took_s: float = 0.0

    @property
    def is_good(self) -> bool:
        """True when the engine did the same and nothing that was checked is broken."""
        return self.difference is None and not self.violations


def replay(path: Path, clock: Clock) -> Replay:
    """Run the recording at `path`; `clock` measures how long it takes. Raises TraceError when it is not usable."""
    began = clock.now()
    try:
        with path.open("rb") as file, tempfile.TemporaryDirectory(prefix="yunnao-replay-") as folder:
            done = _Run(read_trace(file, str(path)), Path(folder)).run()
    except OSError as error:
        raise TraceError(f"{path} cannot be read ({error.strerror}): give a file that `yunnao trace record` made") from error
    done.took_s = clock.now().seconds_since(began)
    return done


def engine_of(snapshot: Snapshot) -> Engine:
    """The engine as it was when the recording began."""
    engine = Engine(
        node=snapshot.node,
        incarnation=snapshot.incarnation,
        has_parent=snapshot.has_parent,
        version=snapshot.version,
        recovered=snapshot.recovered(),
        limits=snapshot.limits,
        clock=snapshot.clock,
        program=snapshot.software,
    )
    engine.caps = CapTable(snapshot.caps)
    engine.fresh_first = frozenset(snapshot.fresh_first)
    engine.stands(snapshot.standing)
    return engine


class _Run:
    """One replay under way."""

    def __init__(self, records: Iterable[Record], folder: Path) -> None:
        self._records = iter(records)
        first = next(self._records)
        assert isinstance(first, Snapshot), "read_trace gives the snapshot first"
        self._snapshot = first
        self._clock = WorldClock(first.us)
        self._veil = Veil()
        self._found = Replay(first.node, first.software)
        try:
            self._engine, self._journal = engine_of(first), ReplayJournal(folder, first)
        except BREAKS as error:
            raise TraceError(f"the snapshot makes no engine ({_said(error)}): the recording is damaged, make another") from error

    def run(self) -> Replay:
        """Everything up to the end or the first difference; the rest is still read, so that a file that is cut off is refused."""
        found = self._found
        try:
            for record in self._records:
                if isinstance(record, Input):
                    found.inputs += 1
                    found.kinds[str(type(record).__struct_config__.tag)] += 1
                if isinstance(record, End):
                    found.ended = record.reason
                elif found.difference is None and not isinstance(record, Snapshot):
                    self._step(record)
            self._check()
        finally:
            self._journal.close()
        return found

    def _step(self, record: Record) -> None:
        try:
            if isinstance(record, Input):
                self._clock.us = record.us or self._clock.us
                record.apply(self._engine, self._clock.now())
            elif isinstance(record, Turn):
                self._turn(record)
        except TraceError:
            raise
        except BREAKS as error:
            self._differ("a turn", f"the engine stopped: {_said(error)}")

    def _turn(self, turn: Turn) -> None:
        self._clock.us = turn.us
        ready = self._engine.ready(Instant(turn.us))
        came = outline(ready, self._veil)
        if came != turn.outline:
            self._differ(*_first_difference(turn.outline, came))
            return
        self._found.turns += 1
        self._found.seconds = self._since()
        try:
            self._journal.commit(ready.writes)
        except BREAKS as error:
            self._found.violations.append(Violation(Promise.RUNS, self._snapshot.node, f"the journal refused a turn: {_said(error)}"))
            raise
        self._engine.advance()

    def _since(self) -> float:
        return (self._clock.us - self._snapshot.us) / MICROSECONDS

    def _differ(self, expected: str, came: str) -> None:
        self._found.difference = Difference(self._found.inputs, self._since(), expected, came)

    def _check(self) -> None:
        found, journal = self._found, self._journal
        found.batches, found.writes, found.left_out = journal.batches, journal.writes, journal.left_out
        if found.difference is None:
            found.violations += journal.violations()


def _first_difference(expected: Outline, came: Outline) -> tuple[str, str]:
    for index in range(max(len(expected.items), len(came.items))):
        one, other = _at(expected, index), _at(came, index)
        if one != other:
            same = one is not None and other is not None and one.line == other.line
            return _told(one), _told(other) + (" with other content" if same else "")
    return f"to be woken at {expected.wake_us}", f"{came.wake_us}"


def _at(outlined: Outline, index: int) -> Item | None:
    return outlined.items[index] if index < len(outlined.items) else None


def _told(item: Item | None) -> str:
    return NOTHING if item is None else f"{item.line} [{item.digest.hex()[:8]}]"


def _said(error: BaseException) -> str:
    return f"{type(error).__name__} {error}".strip()
