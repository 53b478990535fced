"""How long each child has been silent, and which of them are detached because of it.

Silence is counted while this node runs, by its monotonic clock: neither a wrong wall clock nor a node that was down itself makes a child
look silent. Kept in one small file; a detached child is seeded again when it comes back. Made by node/assembly.py, called by the links.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from node.errors import NodeError
from node.files import write_durably
from node.fork.absence import AWAY_DAYS_MAX
from node.untrusted import UNREADABLE
from sync.model import Instant

log = logging.getLogger("yunnao.attendance")

LOOK_S = 3_600.0
"""How often the links are looked at, and the file is written."""
DAY_S = 86_400.0


class AttendanceError(NodeError):
    """The file of silent children cannot be read or written."""


class Absence(msgspec.Struct, frozen=True):
    """One child without a link."""

    silent_s: float
    is_detached: bool = False


class Attendance:
    """The silent children of a node."""

    def __init__(self, path: Path, *, detach_after_days: float) -> None:
        """Read what is known at `path`; raises AttendanceError."""
        self._path = path
        self._limit_s = detach_after_days * DAY_S
        self._looked_at: Instant | None = None
        self._absent: dict[str, Absence] = {}
        try:
            if path.exists():
                self._absent = msgspec.json.decode(path.read_bytes(), type=dict[str, Absence])
        except (*UNREADABLE, OSError) as error:
            raise AttendanceError(f"{path} cannot be read ({error}): remove it, and silence is counted from now on") from error

    def is_detached(self, child: str) -> bool:
        """True when the child's queue was closed since its last link."""
        return child in self._absent and self._absent[child].is_detached

    def is_too_long_silent(self, child: str) -> bool:
        """True when the child was away for longer than tombstones are sure to last: it must be seeded anew."""
        return child in self._absent and self._absent[child].silent_s > AWAY_DAYS_MAX * DAY_S

    def look(self, children: Iterable[str], linked: Iterable[str], now: Instant) -> list[str]:
        """Count the time since the last look for every child without a link; the children that are detached now. Writes the file."""
        elapsed_s = 0.0 if self._looked_at is None else max(0.0, now.seconds_since(self._looked_at))
        self._looked_at = now
        here = set(linked)
        self._absent = {child: self._absence(child, elapsed_s) for child in sorted(set(children) - here)}
        try:
            write_durably(self._path, msgspec.json.encode(self._absent))
        except OSError as error:
            raise AttendanceError(f"{self._path} cannot be written ({error.strerror}): free space or fix its permissions") from error
        return [child for child, absence in self._absent.items() if absence.is_detached]

    async def run(self, look: Callable[[], list[str]]) -> None:
        """Look once an hour for as long as the node runs; `look` calls the method of that name and detaches."""
        while True:
            try:
                if detached := look():
                    log.warning("silent for %g days, detached: %s", self._limit_s / DAY_S, ", ".join(detached))
            except AttendanceError as error:
                log.warning("%s", error)
            await asyncio.sleep(LOOK_S)

    def _absence(self, child: str, elapsed_s: float) -> Absence:
        known = self._absent.get(child, Absence(0.0))
        silent_s = known.silent_s + elapsed_s
        return Absence(silent_s, known.is_detached or silent_s >= self._limit_s)
