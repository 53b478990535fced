"""An hour in which nothing happens, without waiting for it: a clock that is moved by whoever waits, and a socket on which nothing comes."""

from __future__ import annotations

from dataclasses import dataclass

from edge_ai.wire.parts import Order
from sync.model import Instant

HOUR_S = 3_600.0


@dataclass(slots=True)
class WaitingClock:
    """Time passes only while somebody waits."""

    us: int = 1_000_000

    def now(self) -> Instant:
        return Instant(self.us)

    def wall_us(self) -> int:
        return 1_800_000_000_000_000 + self.us

    def wait(self, seconds: float) -> None:
        self.us += round(seconds * 1e6)


class SilentOutlet:
    """In the place of edge_ai.outlet.Outlet: each wait takes its whole time; the node says stop after so many seconds."""

    def __init__(self, clock: WaitingClock, seconds: float) -> None:
        self._clock = clock
        self._until = clock.now().plus(seconds)
        self.waits = 0
        """How often the process's loop woke up."""
        self.sent = 0

    @property
    def stopped(self) -> bool:
        return self._clock.now() >= self._until

    def wait(self, seconds: float) -> None:
        assert seconds > 0, "a loop that does not wait burns a core"
        self.waits += 1
        self._clock.wait(seconds)

    def watch(self, _handle: int) -> None:
        return

    def orders(self) -> list[Order]:
        return []

    def send(self, _parts: list[bytes]) -> None:
        self.sent += 1

    def close(self) -> None:
        return
