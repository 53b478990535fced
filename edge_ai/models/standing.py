"""Which version of an algorithm does what, and what happened to it, as values with a JSON form. The library keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

HISTORY_MAX = 50
"""Changes of one algorithm that are remembered."""
Word = Annotated[str, Meta(max_length=400)]


class Happened(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One line of an algorithm's history."""

    at_us: int
    what: Word
    """added, shadowed, activated, confirmed, rolled-back, refused, removed."""
    version: Word
    why: Word = ""
    by: Word = ""
    """Who decided it; empty: a process of the node, by what it saw."""


class Refusals(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Files that were not taken."""

    count: int = 0
    newest: Annotated[tuple[Happened, ...], Meta(max_length=HISTORY_MAX)] = ()
    """`version` is the file's name."""


class Standing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which versions of an algorithm do what; empty: none."""

    live: Word = ""
    previous: Word = ""
    """What was live before, for the way back."""
    shadow: Word = ""
    """Runs beside the live one and decides nothing, until it has proved itself."""
    watched: bool = False
    """True while the live version is new and may be taken back by the watch."""
    history: Annotated[tuple[Happened, ...], Meta(max_length=HISTORY_MAX)] = ()

    @property
    def kept(self) -> frozenset[str]:
        """Versions that may not go."""
        return frozenset({self.live, self.previous, self.shadow} - {""})


@dataclass(frozen=True, slots=True)
class Held:
    """One algorithm in the library."""

    id: str
    versions: tuple[str, ...]
    state: Standing


def replace_standing(state: Standing, **changes: str | bool) -> Standing:
    """`state` with some values changed."""
    return msgspec.structs.replace(state, **changes)


def noted(state: Standing, said: Happened) -> Standing:
    return msgspec.structs.replace(state, history=(*state.history, said)[-HISTORY_MAX:])
