"""The lives of a node's journal, and where two copies of it parted.

A *life* is one start of a node's process that wrote to its journal. Copies of a folder (a restored backup, a cloned disk) share the lives
up to the moment of copying; whatever each writes afterwards it writes in lives of its own. So two lists of lives tell to the record which
part of two journals is the same. A fork itself is found by position and manifest chain (sync/core/outbox.py); the lives say where it lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LIVES_TOLD_MAX = 64
"""Newest lives that a node tells a peer and that a peer remembers."""


@dataclass(frozen=True, slots=True)
class Life:
    """One start of a node's process, as far as its journal is concerned."""

    id: int
    """Random, drawn at the start; 63 bits, never 0."""
    after: int
    """Last lsn of the journal when the life began: it wrote what lies above."""


def parting(own: Sequence[Life], known: Sequence[Life]) -> int | None:
    """The last lsn that the journal with the lives `own` shares with the copy a peer met, of which it knows the lives `known`.

    Both are in the order of writing. None when `known` says nothing of another copy, or is cut off before the lives in common.
    """
    places = {life.id: index for index, life in enumerate(own)}
    common = next((index for index in reversed(range(len(known))) if known[index].id in places), None)
    if common is None:
        is_cut_off = len(known) >= LIVES_TOLD_MAX
        following = [] if is_cut_off or not known else [known[0], *own[:1]]
    else:
        following = [*known[common + 1 : common + 2], *own[places[known[common].id] + 1 :][:1]]
    return min((life.after for life in following), default=None)
