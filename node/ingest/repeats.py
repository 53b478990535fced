"""Recognises readings that a client sends again, so that at-least-once delivery does not store them twice.

QoS 1 lets a client repeat whatever was not acknowledged, and a commit may have happened whose PUBACK was lost. A reading is the same when
all its fields are. Only the messages of a client that may repeat are compared (intake.py says when), against the client's own last readings
and, after a restart, the tail of the journal. A message without a time gets the time of receipt and therefore cannot be recognised.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence

from node.ingest.sink import Reading

READINGS_PER_CLIENT_MAX = 8_192
"""Readings of one client that are remembered: twice what it may have in flight."""
READINGS_MAX = 65_536
"""Readings remembered over all clients; the client heard longest ago goes first."""
RESTART_READINGS_MAX = 65_536
"""Readings taken from the journal's tail after a restart."""


class Repeats:
    """What each client sent last, kept as the lists the decoders made, so that remembering costs nothing per reading."""

    def __init__(self) -> None:
        self._recent: OrderedDict[str, deque[list[Reading]]] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self._total = 0
        self._known: dict[str, set[Reading]] = {}
        """Of the clients that are compared: what is in `_recent` and carries a time of its own."""
        self._before_restart: frozenset[Reading] = frozenset()

    def recall(self, readings: Iterable[Reading]) -> None:
        """Take the newest readings of the journal after a restart; any client may have sent them."""
        newest = deque(readings, maxlen=RESTART_READINGS_MAX)
        self._before_restart |= frozenset(newest)

    def forget_restart(self) -> None:
        """Drop what `recall` took, when every client that was connected before has been back."""
        self._before_restart = frozenset()

    def note(self, client: str, readings: list[Reading]) -> None:
        """Remember what `client` sent."""
        recent = self._recent.get(client)
        if recent is None:
            recent = self._recent[client] = deque()
        self._recent.move_to_end(client)
        recent.append(readings)
        size = self._sizes.get(client, 0) + len(readings)
        self._total += len(readings)
        while size > READINGS_PER_CLIENT_MAX and len(recent) > 1:
            dropped = recent.popleft()
            size -= len(dropped)
            self._total -= len(dropped)
            if client in self._known:
                self._known[client].difference_update(dropped)
        self._sizes[client] = size
        while self._total > READINGS_MAX and len(self._recent) > 1:
            oldest, _ = self._recent.popitem(last=False)
            self._total -= self._sizes.pop(oldest)
            self._known.pop(oldest, None)

    def begin(self, client: str) -> None:
        """`client` may repeat: compare against what it sent until now, and from now on."""
        self._known[client] = {reading for readings in self._recent.get(client, ()) for reading in readings}

    def end(self, client: str) -> None:
        """`client` is compared no longer."""
        self._known.pop(client, None)

    def fresh(self, client: str, readings: Sequence[Reading], *, received_us: int) -> list[Reading]:
        """`readings` without those that were taken before, in this call or an earlier one; `note` comes next.

        What carries the moment of receipt has no time of its own: two such readings may be equal and are two.
        """
        known, found = self._known.get(client, set()), list[Reading]()
        for reading in readings:
            if reading in known or reading in self._before_restart:
                continue
            if reading.event_time_us != received_us:
                known.add(reading)
            found.append(reading)
        return found
