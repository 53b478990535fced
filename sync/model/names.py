"""Levels, lanes, directions, territories and node names: the closed sets and codes every package shares."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

from sync.model.errors import ModelError

TERRITORY_DIGITS = (2, 4, 6, 9, 12, 15)
"""Lengths of a territory code by tier: province, city, district, street, community, grid (GB/T 2260, GB/T 10114, CJ/T 349)."""

_NODE_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,61}[a-z0-9]")
_RESOURCE = re.compile(r"[a-z][a-z0-9-]{0,62}")


class Level(IntEnum):
    """Where a node stands; levels may be skipped, never reversed."""

    GRID = 1
    STREET = 2
    DISTRICT = 3
    MUNICIPAL = 4
    PROVINCIAL = 5

    @property
    def word(self) -> str:
        """The lower-case name used in configuration, certificates and screens."""
        return self.name.lower()

    @classmethod
    def from_word(cls, word: str) -> Level:
        """The level named `word`; raises ModelError with the list of words."""
        try:
            return cls[word.upper()]
        except KeyError:
            known = ", ".join(level.word for level in cls)
            raise ModelError(f"level {word!r} is not one of {known}") from None


class Lane(IntEnum):
    """Priority class of a batch; a lower number goes first."""

    CONTROL = 0
    ALARM = 1
    EVENT = 2
    STATE = 3
    BULK = 4
    BLOB = 5

    @property
    def word(self) -> str:
        """The lower-case name used in configuration and screens."""
        return self.name.lower()


class Direction(IntEnum):
    """Which way governed data flows over a link."""

    UP = 0
    RETURN = 1

    @property
    def word(self) -> str:
        """The lower-case name used in policies and screens."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Territory:
    """A statistical code with its coding system and edition; the same digits mean other streets in another edition."""

    code: str
    system: str = "NBS"
    edition: str = "2022-10-31"

    def __post_init__(self) -> None:
        if not self.code.isascii() or not self.code.isdigit() or len(self.code) not in TERRITORY_DIGITS:
            raise ModelError(f"territory {self.code!r} refused: expected 2, 4, 6, 9, 12 or 15 digits")

    def contains(self, other: Territory) -> bool:
        """True when `other` is this territory or lies inside it, in the same coding system and edition."""
        return (self.system, self.edition) == (other.system, other.edition) and code_contains(self.code, other.code)


def code_contains(outer: str, inner: str) -> bool:
    """True when code `inner` equals `outer` or lies below it: a prefix test."""
    return inner.startswith(outer)


def check_node_id(name: str) -> str:
    """`name` if it is a node id (2-63 of a-z, 0-9, '-'; a DNS label); raises ModelError otherwise."""
    if not _NODE_ID.fullmatch(name):
        raise ModelError(f"node id {name!r} refused: use 2 to 63 of a-z, 0-9 and '-', not starting or ending with '-'")
    return name


def check_resource(name: str) -> str:
    """`name` if it is a resource code (1-63 of a-z, 0-9, '-'); raises ModelError otherwise."""
    if not _RESOURCE.fullmatch(name):
        raise ModelError(f"resource {name!r} refused: use 1 to 63 of a-z, 0-9 and '-', starting with a letter")
    return name
