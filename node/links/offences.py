"""What peers did that was refused here: counted by peer for the status, and logged at a pace that no peer can raise.

Owns: the counters of this life of the node, and a pace of log lines for each peer. Refuses nothing itself. Called by node/links/links.py
and by the listener of node/appliance.py.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from node.clock import Clock
from sync.core.pacing import TokenBucket

log = logging.getLogger("yunnao.links")

PEERS_MAX = 256
"""Peers remembered; the one that was quiet longest is forgotten first."""
STRANGERS = "strangers"
"""Whoever was refused before it was known who it is."""
LINES_BURST = 20.0
LINES_PER_S = 0.2
"""Lines of one peer in the log; what comes faster is counted."""
HELD_SHARE, HELD_BURST_S = 0.1, 1.0
"""Part of the time, and seconds at once, that a peer may be held back before it is named."""
REASON_CHARS_MAX = 400


@dataclass(slots=True)
class _Record:
    frames: int = 0
    links: int = 0
    hurries: int = 0
    last: str = ""
    last_us: int = 0
    unsaid: int = 0
    lines: TokenBucket = field(default_factory=lambda: TokenBucket(per_s=LINES_PER_S, burst=LINES_BURST))


class Offences:
    """By peer: frames refused before commit, links refused or ended because of what came over them, and floods that were held back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._records: dict[str, _Record] = {}
        self._held: dict[str, TokenBucket] = {}
        """By peer: how long it may still be held back before that counts."""

    def frame(self, peer: str, why: str) -> None:
        """A frame was refused; the link goes on."""
        self._record(peer).frames += 1
        self._tell(peer, why)

    def link(self, peer: str, why: str, *, count: int = 1) -> None:
        """A link was refused, or ended because of what came over it; or `count` of them for one reason."""
        self._record(peer).links += count
        self._tell(peer, why)

    def hurry(self, peer: str, held_s: float) -> None:
        """What a peer says waited `held_s` seconds because it speaks faster than it is heard; counted once it is more than a burst."""
        now = self._clock.now()
        held = self._held.pop(peer, None) or TokenBucket(per_s=HELD_SHARE, burst=HELD_BURST_S)
        held.take(held_s, now)
        if held.level(now) > 0.0:
            self._held[peer] = held
            if len(self._held) > PEERS_MAX:
                del self._held[next(iter(self._held))]
            return
        self._record(peer).hurries += 1
        self._tell(peer, f"{peer} sends messages faster than they are heard: it is held back")

    def facts(self) -> list[dict[str, object]]:
        """For the status, the latest offender first."""
        latest = sorted(self._records.items(), key=lambda entry: entry[1].last_us, reverse=True)
        return [
            {"peer": peer}
            | {name: getattr(record, name) for name in ("frames", "links", "hurries", "last", "last_us")}
            for peer, record in latest
        ]

    def _record(self, peer: str) -> _Record:
        record = self._records.pop(peer, None) or _Record()
        self._records[peer] = record
        if len(self._records) > PEERS_MAX:
            del self._records[next(iter(self._records))]
        return record

    def _tell(self, peer: str, why: str) -> None:
        record, now = self._records[peer], self._clock.now()
        record.last, record.last_us = why[:REASON_CHARS_MAX], self._clock.wall_us()
        if record.lines.wait_s(1.0, now):
            record.unsaid += 1
            return
        record.lines.take(1.0, now)
        more = f" (and {record.unsaid} more of {peer} since the last line)" if record.unsaid else ""
        log.warning("%s%s", why[:REASON_CHARS_MAX], more)
        record.unsaid = 0
