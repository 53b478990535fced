"""Cases of one kind that changed and that a desk has not looked at yet, and who waits until one of them is settled.

A case that changes several times between two looks is read once, as it is then; one that cannot be read stays for the next look. Called by
node/devices/commands.py and node/incidents/step_desk.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from node.cases.desk import CaseDesk
from node.cases.errors import CaseError
from node.cases.kind import Case, Kind


@dataclass(slots=True)
class ChangedCases:
    """What one desk has before it, in the order in which it heard of it."""

    cases: CaseDesk
    kind: Kind
    rouse: Callable[[], None]
    """Called whenever there is something to take."""
    _ids: dict[str, None] = field(default_factory=dict)
    _waiters: dict[str, list[asyncio.Future[None]]] = field(default_factory=dict)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    """A case as it was may not be taken after the case as it is."""

    def __post_init__(self) -> None:
        """Hear of every case that changes."""
        self.cases.on_change(self._heard)

    def __bool__(self) -> bool:
        """True while a case waits to be taken."""
        return bool(self._ids)

    def _heard(self, kind: Kind, case_id: str) -> None:
        if kind is self.kind:
            self._ids[case_id] = None
            self.rouse()

    async def take(self, act: Callable[[Case], None]) -> None:
        """Have `act` called with each case as it is now; who waits for one that is settled hears of it after that. Raises CaseError."""
        async with self._one_at_a_time:
            while self._ids:
                case_id = next(iter(self._ids))
                # First, because the case may change again while it is read.
                del self._ids[case_id]
                case = await self._read(case_id)
                if case is not None:
                    act(case)
                    self._tell_settled(case)

    async def _read(self, case_id: str) -> Case | None:
        try:
            return await asyncio.to_thread(self.cases.register.case, self.kind, case_id)
        except CaseError:
            self._ids[case_id] = None
            raise

    def _tell_settled(self, case: Case) -> None:
        if case.state in self.kind.final:
            for waiter in self._waiters.pop(case.id, []):
                if not waiter.done():
                    waiter.set_result(None)

    async def wait_settled(self, case: Case, seconds: float) -> Case:
        """The case once a look took it as settled, or as it is when the time is over. Raises CaseUnknown, CaseError."""
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(case.id, []).append(settled)
        # It may be settled already, and nobody hears of it again then.
        self._heard(self.kind, case.id)
        try:
            await asyncio.wait([settled], timeout=seconds)
        finally:
            self._forget(case.id, settled)
        return await asyncio.to_thread(self.cases.case, self.kind, case.id)

    def _forget(self, case_id: str, waiter: asyncio.Future[None]) -> None:
        waiters = self._waiters.get(case_id, [])
        if waiter in waiters:
            waiters.remove(waiter)
        if not waiters:
            self._waiters.pop(case_id, None)
