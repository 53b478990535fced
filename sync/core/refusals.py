"""The newest refusals of a node: those it made, to tell a peer again, and those it heard of, to enter each once.

A refusal is durable with the position that passed the refused frame, so no frame is sent again for it; only this memory tells the sender.
Called by the engine.
"""

from __future__ import annotations

from collections.abc import Iterable

from sync.model import Direction, Lane, Span
from sync.model.writes import REFUSALS_KEPT_MAX, AppendRefusal

_Key = tuple[int, Direction, Lane, Span, int]


class Refusals:
    """At most REFUSALS_KEPT_MAX of each kind for each peer, oldest out first: a peer that is refused all day pushes out nobody else's.

    Those that fall out stay in the journal, with their runs.
    """

    def __init__(self, recovered: Iterable[AppendRefusal]) -> None:
        self._known: dict[tuple[str, bool], dict[_Key, AppendRefusal]] = {}
        for refusal in recovered:
            self.enter(refusal)

    def enter(self, refusal: AppendRefusal) -> bool:
        """Remember a refusal; False when it is known."""
        known = self._known.setdefault((refusal.peer, refusal.by_peer), {})
        key = (refusal.incarnation, refusal.direction, refusal.lane, refusal.span, refusal.part)
        if key in known:
            known[key] = known[key] if refusal.by_peer else refusal  # a frame that came once more, refused under the policy of now
            return False
        known[key] = refusal
        if len(known) > REFUSALS_KEPT_MAX:
            del known[next(iter(known))]
        return True

    def made_toward(self, peer: str, incarnation: int) -> list[AppendRefusal]:
        """Refusals this node made of frames of this life of `peer`, and of one that is not known, oldest first."""
        made = self._known.get((peer, False), {}).values()
        return [refusal for refusal in made if refusal.incarnation in (0, incarnation)]

    def reasons_toward(self, peer: str, incarnation: int) -> set[str]:
        """Why frames of this life of `peer` were refused here that a policy may mend."""
        return {refusal.reason for refusal in self.made_toward(peer, incarnation) if not refusal.quarantine}
