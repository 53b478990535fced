"""What the models of this node did, by day and model, until it is told: counted in memory, kept in a file beside the packages.

Owns the file (`usage.json`) and its bounds. What a process counted in the last minute before the machine went down is lost; nothing else
is. Called by the usage desk, which tells what stands here as rows.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from edge_ai.models.package import read_bounded
from edge_ai.wire.states import LATENCY_STEPS, UsageRow
from node.algorithms.shelf import told_as_refusal
from node.clock import Clock
from node.errors import NodeError
from node.files import write_durably
from node.untrusted import UNREADABLE

FILE, FILE_BYTES_MAX = "usage.json", 8 << 20
ENTRIES_MAX = 2_000
"""Days and models that wait to be told; beyond it the oldest goes."""
CAMERAS_MAX = 4_096

log = logging.getLogger("yunnao.algorithms")
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Usage(msgspec.Struct, kw_only=True):
    """What one model did on one day since it was told last."""

    day: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    """In UTC."""
    algorithm: str
    version: str
    sha256: Sha256
    begun_us: int
    """Names the entry: what is told twice after a crash has one name."""
    cameras: set[str] = set()
    frames: int = 0
    detections: int = 0
    failures: int = 0
    events: int = 0
    false_alarms: int = 0
    confirmed: int = 0
    rollbacks: int = 0
    steps: dict[int, int] = {}
    """Pictures by the step of their milliseconds."""

    @property
    def name(self) -> str:
        """The same for the same entry of the same model."""
        return hashlib.sha256(f"{self.day}|{self.sha256}|{self.begun_us}".encode()).hexdigest()[:24]

    def join(self, other: Usage) -> None:
        """Add another entry of the same day and model."""
        self.cameras |= other.cameras
        for name in ("frames", "detections", "failures", "events", "false_alarms", "confirmed", "rollbacks"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for step, count in other.steps.items():
            self.steps[step] = self.steps.get(step, 0) + count

    def add(self, row: UsageRow) -> None:
        """Add what a process counted."""
        if len(self.cameras) < CAMERAS_MAX:
            self.cameras.add(row.camera)
        self.frames += row.frames
        self.detections += row.detections
        self.failures += row.failures
        for step, count in row.steps:
            self.steps[step] = self.steps.get(step, 0) + count


@dataclass(slots=True)
class UsageBook:
    """What waits to be told. On the event loop; `save` writes a file and belongs beside it."""

    path: Path
    clock: Clock
    dropped: int = 0
    """Entries that went untold because too many waited."""
    _waiting: dict[tuple[str, str], Usage] = field(default_factory=dict)
    _versions: dict[str, str] = field(default_factory=dict)
    """Of the models that were told in this life of the process."""

    @classmethod
    def open(cls, folder: Path, clock: Clock) -> UsageBook:
        """The book as it was kept; one that cannot be read is begun anew, and said."""
        book = cls(folder / FILE, clock)
        if not book.path.is_file():
            return book
        try:
            with told_as_refusal():
                kept = msgspec.json.decode(read_bounded(book.path, FILE_BYTES_MAX), type=list[Usage])
        except (*UNREADABLE, NodeError) as error:
            log.warning("usage of models since it was told last is lost: %s cannot be read (%s)", book.path, error)
            return book
        book._waiting = {(one.day, one.sha256): one for one in kept[-ENTRIES_MAX:]}
        return book

    @property
    def waiting(self) -> Sequence[Usage]:
        """What is not told yet, oldest first."""
        return tuple(self._waiting.values())

    def of(self, algorithm: str, version: str, sha256: str) -> Usage:
        """Today's entry of a model, to be counted in."""
        day = datetime.fromtimestamp(self.clock.wall_us() / 1e6, UTC).date().isoformat()
        entry = self._waiting.get((day, sha256))
        if entry is None:
            entry = Usage(day=day, algorithm=algorithm, version=version, sha256=sha256, begun_us=self.clock.wall_us())
            self._waiting[day, sha256] = entry
            while len(self._waiting) > ENTRIES_MAX:
                del self._waiting[next(iter(self._waiting))]
                self.dropped += 1
        return entry

    def take(self, row: UsageRow) -> None:
        """Add what a process counted."""
        entry = self.of(row.algorithm, row.version, row.sha256)
        # An event is told at once, what its model did a minute later: it alone knows the version.
        entry.version = row.version
        entry.add(row)

    def count_event(self, algorithm: str, sha256: str) -> None:
        """An event that a model made."""
        self._newest(algorithm, sha256).events += 1

    def count_judged(self, algorithm: str, sha256: str, *, is_false: bool) -> None:
        """What a person said of an event that a model made."""
        entry = self._newest(algorithm, sha256)
        if is_false:
            entry.false_alarms += 1
        else:
            entry.confirmed += 1

    def count_rollback(self, algorithm: str, version: str, sha256: str) -> None:
        """A model that was taken back."""
        self.of(algorithm, version, sha256).rollbacks += 1

    def _newest(self, algorithm: str, sha256: str) -> Usage:
        """Today's entry of a model whose version is known from what it did before; events name the hash alone."""
        version = next((one.version for one in reversed(self.waiting) if one.sha256 == sha256), self._versions.get(sha256, ""))
        return self.of(algorithm, version, sha256)

    def taken(self, entries: Sequence[Usage]) -> None:
        """These become rows: what is counted from now on begins new ones."""
        for entry in entries:
            del self._waiting[entry.day, entry.sha256]
            self._versions[entry.sha256] = entry.version

    def back(self, entries: Sequence[Usage]) -> None:
        """These could not be stored: they wait again, with what was counted meanwhile."""
        meanwhile, self._waiting = self._waiting, {(one.day, one.sha256): one for one in entries}
        for key, entry in meanwhile.items():
            if (known := self._waiting.get(key)) is None:
                self._waiting[key] = entry
            else:
                known.join(entry)

    def encoded(self) -> bytes:
        """As the file holds it."""
        return msgspec.json.encode(self.waiting)

    def save(self, data: bytes) -> None:
        """Keep `encoded` over a restart; OSError when the disk takes nothing. Blocking."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_durably(self.path, data)


def told_steps(steps: dict[int, int]) -> str:
    """`12:340 13:55`: counts by step, as a row holds them."""
    return " ".join(f"{step}:{count}" for step, count in sorted(steps.items()) if 0 <= step < LATENCY_STEPS)
