"""The newest refusals of a node: those it made, to tell a peer again, and those it heard of, to enter each once.

A refusal is durable with the position that passed the refused frame, so no frame is sent again for it; only this memory tells the sender.
Called by the engine.
"""

from __future__ import annotations

from collections.abc import Iterable

from sync.model import Direction, Lane, Span
from sync.model.writes import REFUSALS_KEPT_MAX, AppendRefusal

_Key = tuple[str, Direction, Lane, Span, int, bool]


class Refusals:
    """At most REFUSALS_KEPT_MAX of them, oldest out first."""

    def __init__(self, recovered: Iterable[AppendRefusal]) -> None:
        self._known: dict[_Key, AppendRefusal] = {}
        for refusal in recovered:
            self.enter(refusal)

    def enter(self, refusal: AppendRefusal) -> bool:
        """Remember a refusal; False when it is known."""
        key = (refusal.peer, refusal.direction, refusal.lane, refusal.span, refusal.part, refusal.by_peer)
        if key in self._known:
            return False
        self._known[key] = refusal
        if len(self._known) > REFUSALS_KEPT_MAX:
            del self._known[next(iter(self._known))]
        return True

    def made_toward(self, peer: str) -> list[AppendRefusal]:
        """Refusals this node made of frames of `peer`, oldest first."""
        return [refusal for refusal in self._known.values() if refusal.peer == peer and not refusal.by_peer]
