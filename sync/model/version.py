"""Policy versions: a vector of (issuer, epoch), named by its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """Which bundle of each issuer is in force; sorted by issuer, so equal vectors are equal values."""

    components: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(cls, epochs: Mapping[str, int]) -> PolicyVersion:
        """The version with these epochs by issuer."""
        return cls(tuple(sorted(epochs.items())))

    @property
    def digest(self) -> bytes:
        """SHA-256 over the vector, 32 bytes: the version's name in journals and on the wire."""
        text = "\n".join(f"{issuer}={epoch}" for issuer, epoch in self.components)
        return hashlib.sha256(text.encode()).digest()

    def epoch(self, issuer: str) -> int:
        """The epoch held from `issuer`; 0 when none is."""
        return dict(self.components).get(issuer, 0)

    def covers(self, other: PolicyVersion) -> bool:
        """True when no component here is older than in `other`."""
        return all(self.epoch(issuer) >= epoch for issuer, epoch in other.components)
