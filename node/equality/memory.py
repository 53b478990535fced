"""When each hop was proven equal last: a small file beside the journal. Losing it costs one proof and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from node.files import write_durably
from node.untrusted import UNREADABLE

FILE_NAME = "proofs.json"
HOPS_MAX = 10_000
"""Hops remembered; the oldest proof is forgotten first."""


class LastProof(msgspec.Struct, frozen=True):
    """The newest proof of a hop."""

    peer: str
    direction: str
    at_us: int
    """Wall clock at its end, microseconds since 1970 UTC."""
    is_equal: bool


@dataclass(slots=True)
class ProofMemory:
    """The newest proof of each hop."""

    path: Path
    _known: dict[tuple[str, str], LastProof] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            found = msgspec.json.decode(self.path.read_bytes(), type=list[LastProof])
        except (*UNREADABLE, OSError):
            return  # a first start, or a file that was cut: everything is proven again
        self._known = {(entry.peer, entry.direction): entry for entry in found}

    def note(self, peer: str, direction: str, *, at_us: int, is_equal: bool) -> None:
        """A proof has ended."""
        self._known.pop((peer, direction), None)
        self._known[(peer, direction)] = LastProof(peer, direction, at_us, is_equal)
        while len(self._known) > HOPS_MAX:
            del self._known[next(iter(self._known))]
        write_durably(self.path, msgspec.json.encode(list(self._known.values())))

    def newest(self, peer: str, direction: str) -> LastProof | None:
        """The newest proof of a hop; None before the first."""
        return self._known.get((peer, direction))
