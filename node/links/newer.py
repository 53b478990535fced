"""What peers say that this program has no word for: said once in the log, counted by peer for the status. The link goes on.

Owns: the kinds heard from each peer in this life of the node, bounded both ways. Refuses nothing: what may be skipped and what must be
answered is decided by sync/wire. Called by node/links/links.py. docs/compatibility.md says what a newer program may add.
"""

from __future__ import annotations

import logging
from collections import Counter

log = logging.getLogger("yunnao.links")

PEERS_MAX = 256
"""Peers remembered; the one that was quiet longest is forgotten first."""
KINDS_MAX = 32
"""Kinds of one peer that are told apart; further ones count as one."""
OTHERS = "other messages"


class NewerWords:
    """By peer: what it said that was not understood."""

    def __init__(self) -> None:
        self._heard: dict[str, Counter[str]] = {}

    def note(self, peer: str, what: str) -> None:
        """Count a message; the first of its kind is said in the log."""
        kinds = self._heard.pop(peer, None) or Counter()
        self._heard[peer] = kinds
        if len(self._heard) > PEERS_MAX:
            del self._heard[next(iter(self._heard))]
        kind = what if what in kinds or len(kinds) < KINDS_MAX else OTHERS
        kinds[kind] += 1
        if kinds[kind] == 1:
            log.warning("%s runs a newer program: it sent %s, which this version does not know; the link goes on", peer, kind)

    def facts(self) -> list[dict[str, object]]:
        """For the status, the peer heard last first."""
        return [{"peer": peer, "kinds": dict(sorted(kinds.items()))} for peer, kinds in reversed(self._heard.items())]
