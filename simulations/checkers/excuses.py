"""Records that need not be at a node although they may: what the other checkers leave out, proven from journals and not believed.

Called by simulations/trial.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from contextlib import closing

import numpy as np

from simulations.checkers.convergence import Presence
from simulations.checkers.copies import Copy
from simulations.checkers.records import Flags
from simulations.checkers.truth import Truth
from sync.model import Lane, State, Stream


def handed_over(
    copies: Mapping[str, Copy], truth: Truth, presence: Presence, former: Mapping[str, Collection[str]]
) -> dict[tuple[str, str], Flags]:
    """Records that a node accounts for as handed over, where a parent that a moved node had before does hold them."""
    parents = {parent for parents in former.values() for parent in parents}
    found: dict[tuple[str, str], Flags] = {}
    for node, copy in copies.items():
        for resource, flags in _in_state(copy, truth, State.HANDED_OVER).items():
            held = [presence[parent, resource] for parent in sorted(parents)]
            found[node, resource] = flags & np.logical_or.reduce(held) if held else np.zeros(len(flags), np.bool_)
    return found


def let_go(copies: Mapping[str, Copy], truth: Truth, nodes: Collection[str]) -> dict[tuple[str, str], Flags]:
    """Records whose payload a node had and let go, by age or for want of room; only `nodes` are looked at."""
    found: dict[tuple[str, str], Flags] = {}
    for node in sorted(nodes):
        with closing(sqlite3.connect(f"{copies[node].holder.journal.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            rows = connection.execute(_LET_GO).fetchall()
        for origin, incarnation, lane, resource, first, last in rows:
            flags = found.setdefault((node, resource), np.zeros(truth.made[resource].count, np.bool_))
            _mark(flags, truth, Stream(origin, incarnation, Lane(lane), resource), first, last)
    return found


def expired(copies: Mapping[str, Copy], truth: Truth, gone: Presence) -> dict[tuple[str, str], Flags]:
    """Records that a node let go itself, or accounts for as expired, where some node did let them go (`gone`).

    A return tells nothing of what is gone, because without its row nobody knows where a record belongs: there the loss alone excuses.
    """
    anywhere: dict[str, Flags] = {}
    for (_, resource), flags in gone.items():
        anywhere[resource] = anywhere.get(resource, np.zeros(len(flags), np.bool_)) | flags
    found = dict(gone)
    for node, copy in copies.items():
        if RETURNED in anywhere:
            found[node, RETURNED] = anywhere[RETURNED]
        for state in (State.SHED, State.RETENTION):
            for resource, flags in _in_state(copy, truth, state).items():
                if resource in anywhere:
                    found[node, resource] = found.get((node, resource), np.zeros(len(flags), np.bool_)) | (flags & anywhere[resource])
    return found


def joined(*excuses: Presence) -> dict[tuple[str, str], Flags]:
    """Records for which one of the excuses holds."""
    found: dict[tuple[str, str], Flags] = {}
    for excuse in excuses:
        for key, flags in excuse.items():
            found[key] = found[key] | flags if key in found else flags
    return found


RETURNED = "enterprises"
"""The resource that comes down."""
_LET_GO = """
    SELECT r.origin, r.incarnation, b.lane, b.resource, r.first_seq, r.last_seq
    FROM batch b JOIN batch_run r ON r.lsn = b.lsn WHERE b.freed <> 0 AND r.state = 1
"""


def _in_state(copy: Copy, truth: Truth, state: State) -> dict[str, Flags]:
    """By resource: the records of which a journal has an account in `state`."""
    runs = copy.runs
    found: dict[str, Flags] = {}
    for row in np.flatnonzero(runs.state == state):
        stream = copy.streams[runs.stream[row]]
        flags = found.setdefault(stream.resource, np.zeros(truth.made[stream.resource].count, np.bool_))
        _mark(flags, truth, stream, int(runs.first[row]), int(runs.last[row]))
    return found


def _mark(flags: Flags, truth: Truth, stream: Stream, first: int, last: int) -> None:
    """Set the flags of the records with the numbers `first` to `last`."""
    for entry in truth.numbered.get(stream, ()):
        low, high = max(entry.first, first), min(entry.last, last)
        if low <= high:
            flags[entry.id + low - entry.first : entry.id + high - entry.first + 1] = True
