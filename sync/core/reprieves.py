"""What peers said since they refused frames of ours, and so which refusals are tried again, in rounds.

A refusal is tried again once the peer stands under another policy version than the one it refused under, runs other software than then,
or once its reason has ended (a date passed, word of a move came). Versions of two neighbours may differ for ever, so only a peer's own
versions are compared with each other. A round concerns frames up to the lsn at which it began; what it puts back lies above, so no round
feeds itself, whatever it says.
Made by desk.py; the receiving side writes what peers say, the sending side reads.
"""

from __future__ import annotations

from dataclasses import dataclass

from sync.model import Instant, PolicyVersion

ROUND_PAUSE_S = 30.0
"""Shortest time between the beginnings of two rounds toward one peer, links that end and begin again included."""
OVER_MAX = 8
"""Reasons that are remembered as over, for each peer."""


@dataclass(frozen=True, slots=True)
class Round:
    """Refusals of one peer that are tried again."""

    version: PolicyVersion
    """The peer's: what it refused under another one is meant."""
    program: str
    """The peer's software: what it refused as another one is meant. Empty when it does not say."""
    over: frozenset[str]
    """Words of reasons that have ended: what the peer refused for one of them is meant, whatever its version."""
    upto: int
    """Own lsn up to which frames are meant."""
    since: Instant


@dataclass(frozen=True, slots=True)
class _Said:
    version: PolicyVersion
    program: str
    over: frozenset[str] = frozenset()


class Reprieves:
    """By peer: what it said last, and the round that it led to. Nothing of it is durable: each link begins with a Hello."""

    def __init__(self) -> None:
        self._said: dict[str, _Said] = {}
        self._rounds: dict[str, Round] = {}

    def linked(self, peer: str, version: PolicyVersion, program: str) -> None:
        """A link begins: the peer's Hello names its version, which may be older than what it said on the last one, and its software."""
        self._said[peer] = _Said(version, program)

    def program(self, peer: str) -> str:
        """The software of a linked peer; empty when it does not say."""
        return self._said[peer].program

    def heard(self, peer: str, version: PolicyVersion, over: frozenset[str] = frozenset()) -> None:
        """A linked peer names its version. A link has two connections: what was said first may arrive last."""
        said = self._said[peer]
        newest = version if version.covers(said.version) else said.version
        self._said[peer] = _Said(newest, said.program, _bounded(said.over, over))

    def begin(self, peer: str, top: int, now: Instant) -> bool:
        """Begin a round up to lsn `top` if what a linked peer said calls for one and the pause is over; True when one begins."""
        said, last = self._said[peer], self._rounds.get(peer)
        if last is not None and ((due := self.due_at(peer)) is None or now < due):
            return False
        over = said.over if last is None else _bounded(last.over, said.over)
        self._rounds[peer] = Round(said.version, said.program, over, top, now)
        self._said[peer] = _Said(said.version, said.program)
        return True

    def due_at(self, peer: str) -> Instant | None:
        """When the next round toward a linked peer may begin; None when nothing calls for one, or nothing was said of the first."""
        said, last = self._said[peer], self._rounds.get(peer)
        if last is None or not (said.over or said.version != last.version or said.program != last.program):
            return None
        return last.since.plus(ROUND_PAUSE_S)

    def round(self, peer: str) -> Round | None:
        """The round that stands toward a peer; None before the first."""
        return self._rounds.get(peer)


def _bounded(old: frozenset[str], new: frozenset[str]) -> frozenset[str]:
    both = old | new
    return both if len(both) <= OVER_MAX else new
