"""How models do in the field, on its way up: what this node counted becomes rows of `model-usage`, and rows from below are added up.

Owns when it is told: each four hours, at the end of a day, and when somebody asks, at most once a minute. Where the resource is not in the
catalogue (the province runs an older program) it waits in the book. Called by the API and by the runtime's background.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from node.algorithms.usage_book import Usage, UsageBook, told_steps
from node.algorithms.usage_fold import RESOURCE, UsageQuestion, folded, row_values
from node.clock import Clock
from node.ingest.handing_in import NoRoom
from node.ingest.sink import Row
from node.store.mart import MartError
from node.store.marts import Marts
from policies.catalogue import COMMON_COLUMNS, Resource
from sync.model import Instant

TELL_EVERY_S = 4 * 3_600.0
ASKED_EVERY_S = 60.0
"""At most so often somebody who asks makes this node tell."""
SAVE_EVERY_S = 60.0
LOOK_S = 5.0
DAYS_MAX = 400

log = logging.getLogger("yunnao.algorithms")
Plain = dict[str, Any]


class Storing(Protocol):
    """Where rows are handed in (`node.ingest.handing_in.HandingIn`)."""

    async def store(self, resource: Resource, rows: Sequence[Row]) -> None:
        """Return once `rows` are durable; raises NoRoom."""


@dataclass(slots=True)
class UsageDesk:
    """One node's usage of models, and that of the nodes below."""

    book: UsageBook
    territory: str
    resource: Callable[[], Resource | None]
    """The entry of the catalogue in force; None while there is none."""
    handing_in: Storing
    marts: Marts
    clock: Clock
    _told: Instant | None = None
    _saved: bytes = b"[]"
    _telling: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self) -> None:
        """Keep and tell, for as long as the node runs."""
        self._told = self.clock.now()
        since_s = 0.0
        while True:
            await asyncio.sleep(LOOK_S)
            since_s += LOOK_S
            if self._is_due(TELL_EVERY_S) or self._has_ended_day():
                await self.tell()
            if since_s >= SAVE_EVERY_S:
                since_s = 0.0
                await self.keep()

    async def tell(self) -> bool:
        """Store what waits as rows; False when nothing does, or it cannot be stored now."""
        async with self._telling:
            waiting, resource = self.book.waiting, self.resource()
            if not waiting or resource is None:
                return False
            at_us, names = self.clock.wall_us(), [*COMMON_COLUMNS, *(item.name for item in resource.fields)]
            rows = [row_values(names, cells_of(entry, at_us, self.territory)) for entry in waiting]
            self._told = self.clock.now()
            # What is counted while the rows are being stored belongs to new entries.
            self.book.taken(waiting)
            try:
                await self.handing_in.store(resource, rows)
            except NoRoom as error:
                self.book.back(waiting)
                log.warning("usage of models is not told: %s", error)
                return False
            await self.keep()
            return True

    async def keep(self) -> None:
        """Put the book on the disk where it changed; a disk that takes nothing is said and tried again."""
        if (data := self.book.encoded()) == self._saved:
            return
        try:
            await asyncio.to_thread(self.book.save, data)
            self._saved = data
        except OSError as error:
            log.warning("usage of models is not kept: %s", error)

    async def stop(self) -> None:
        """Keep what is not told yet."""
        await self.keep()

    async def asked(self, algorithm: str, *, days: int, by: str, territory: str, grade_max: int) -> list[Plain]:
        """How a model did here and below; what this node counted so far is told first. Raises MartError."""
        if self._is_due(ASKED_EVERY_S):
            await self.tell()
        today = datetime.fromtimestamp(self.clock.wall_us() / 1e6, UTC).date()
        first = (today - timedelta(days=min(days, DAYS_MAX) - 1)).isoformat()
        question = UsageQuestion(algorithm=algorithm, first_day=first, by=by, territory=territory, grade_max=grade_max)
        if self.resource() is None:
            raise MartError(f"no usage is told: resource {RESOURCE} is not in the catalogue here; the province issues it")
        return await self.marts.ask(RESOURCE, lambda mart: folded(mart, question))

    def _is_due(self, seconds: float) -> bool:
        return self._told is None or self.clock.now().seconds_since(self._told) >= seconds

    def _has_ended_day(self) -> bool:
        """True when a day is over of which something waits; told once, because what is told waits no more."""
        today = datetime.fromtimestamp(self.clock.wall_us() / 1e6, UTC).date().isoformat()
        return self._is_due(ASKED_EVERY_S) and any(entry.day != today for entry in self.book.waiting)


def cells_of(entry: Usage, at_us: int, territory: str) -> Plain:
    """An entry as a row of the catalogue."""
    return {
        "event_time": at_us, "territory": territory, "grade": 2, "usage_id": entry.name, "day": entry.day, "algorithm": entry.algorithm,
        "version": entry.version, "algorithm_sha256": entry.sha256, "cameras": len(entry.cameras), "frames": entry.frames,
        "detections": entry.detections, "failures": entry.failures, "events": entry.events, "false_alarms": entry.false_alarms,
        "confirmed": entry.confirmed, "rollbacks": entry.rollbacks, "latencies": told_steps(entry.steps),
    }  # fmt: skip
