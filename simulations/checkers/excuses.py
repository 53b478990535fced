"""Records that need not be at a node although they may: what the other checkers leave out, proven from journals and not believed.

Called by simulations/trial.py.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping
from contextlib import closing

import numpy as np

from simulations.checkers.convergence import Presence
from simulations.checkers.copies import Copy, Holder
from simulations.checkers.oracle import May, Oracle, Origins
from simulations.checkers.records import Flags, Records
from simulations.checkers.returning import RETURNING
from simulations.checkers.truth import Truth
from sync.model import Lane, State, Stream

_Accounts = Mapping[Stream, Collection[tuple[int, int]]]
"""By stream: first and last numbers of runs."""


def handed_over(
    copies: Mapping[str, Copy], truth: Truth, former: Mapping[str, Collection[str]], gone: Presence
) -> dict[tuple[str, str], Flags]:
    """Records that a node accounts for as handed over, where a parent that a moved node had before holds them under those numbers, or had
    them and let them go (`gone`): then they are expired on the way that they went."""
    parents = sorted({parent for parents in former.values() for parent in parents})
    found: dict[tuple[str, str], Flags] = {}
    for node, copy in copies.items():
        accounts = _runs_in_state(copy, State.HANDED_OVER)
        for parent in parents if accounts else ():
            held = [_held(copies[parent], truth, accounts), _let_go_of(parent, truth, accounts, gone)]
            found = joined(found, *({(node, resource): flags for resource, flags in proof.items()} for proof in held))
    return found


def _held(parent: Copy, truth: Truth, accounts: _Accounts) -> dict[str, Flags]:
    """By resource: the records of `accounts` that live rows of a journal show."""
    found: dict[str, Flags] = {}
    for resource, records in parent.records.items():
        ids = truth.ids(parent, resource, records.counts & _numbered_in(parent, records, accounts))
        found[resource] = np.zeros(truth.made[resource].count, np.bool_)
        found[resource][ids[ids >= 0]] = True
    return found


def _let_go_of(parent: str, truth: Truth, accounts: _Accounts, gone: Presence) -> dict[str, Flags]:
    """By resource: the records of `accounts` that a node had and let go."""
    told = _marked(accounts, truth)
    return {resource: flags & gone[parent, resource] for resource, flags in told.items() if (parent, resource) in gone}


def let_go(
    copies: Mapping[str, Copy], truth: Truth, nodes: Collection[str], states: Collection[State] = (State.RETENTION, State.SHED)
) -> dict[tuple[str, str], Flags]:
    """Records whose payload a node had and let go in one of `states`, by age or for want of room; only `nodes` are looked at."""
    found: dict[tuple[str, str], Flags] = {}
    for node in sorted(nodes):
        with closing(sqlite3.connect(f"{copies[node].holder.journal.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            rows = connection.execute(_LET_GO, (json.dumps(sorted(states)),)).fetchall()
        for origin, incarnation, lane, resource, first, last in rows:
            flags = found.setdefault((node, resource), np.zeros(truth.made[resource].count, np.bool_))
            mark(flags, truth, Stream(origin, incarnation, Lane(lane), resource), first, last)
    return found


def expired(copies: Mapping[str, Copy], truth: Truth, gone: Presence, oracle: Oracle) -> dict[tuple[str, str], Flags]:
    """Records that a node let go itself, or accounts for as expired, where some node did let them go (`gone`).

    A return tells nothing of what is gone, because without its row nobody knows where a record belongs: there the loss alone excuses, of
    what was made neither at the node nor below it. `oracle` knows the tree as it stands.
    """
    anywhere: dict[str, Flags] = {}
    for (_, resource), flags in gone.items():
        anywhere[resource] = anywhere.get(resource, np.zeros(len(flags), np.bool_)) | flags
    found = dict(gone)
    for node, copy in copies.items():
        for resource in RETURNING.keys() & anywhere.keys():
            coming = oracle.comes_down(_origins(truth, resource), holder=node)
            found = joined(found, {(node, resource): anywhere[resource] & coming})
        for state in (State.SHED, State.RETENTION):
            accounts = in_state(copy, truth, state).items()
            found = joined(found, {(node, resource): flags & anywhere[resource] for resource, flags in accounts if resource in anywhere})
    return found


def refused_and_gone(
    copies: Mapping[str, Copy], truth: Truth, nodes: Collection[str], *, has_loss: bool
) -> dict[tuple[str, str], Flags]:
    """Records that a node withholds or refused for a time, where a child of it had no room to keep them for another try: they stay
    withheld there and at the nodes above, which heard of them as withheld.

    Such a child sheds them in their turn and never lets them go as delivered, unless (`has_loss`) the simulated wire swallowed the refusal
    and brought the acknowledgement behind it, which no transport in order does.
    """
    states = (State.SHED, State.RETENTION) if has_loss else (State.SHED,)
    found: dict[tuple[str, str], Flags] = {}
    for (child, resource), gone in let_go(copies, truth, nodes, states).items():
        lacking, parent = gone, copies[child].holder.parent
        while parent and lacking.any():
            held = in_state(copies[parent], truth, State.HELD).get(resource)
            lacking = lacking & held if held is not None else np.zeros_like(lacking)
            found = joined(found, {(parent, resource): lacking})
            parent = copies[parent].holder.parent
    return found


def beyond_fosters(
    copies: Mapping[str, Copy], truth: Truth, presence: Presence, oracle: Oracle, epoch: int
) -> dict[tuple[str, str], Flags]:
    """Returned records whose way down leads over a node that may not hold them: a foster parent outside the territory chain of those below.

    Such a relay may carry them sealed only, and worlds with moves are played without the desk of envelopes. `oracle` knows the tree as it
    stands. What a node's parent does hold, from before a move, is not excused.
    """
    holders = {node: copy.holder for node, copy in copies.items()}
    found: dict[tuple[str, str], Flags] = {}
    for resource in RETURNING.keys() & truth.made.keys():
        rows, origins = truth.made[resource].rows, _origins(truth, resource)
        for node, holder in holders.items():
            for foster in _fosters(holder, holders):
                barred = oracle.may_hold(resource, rows, origins, holder=foster, epoch=epoch) == May.NOTHING
                found = joined(found, {(node, resource): barred & ~presence[holder.parent, resource]})
    return found


def _origins(truth: Truth, resource: str) -> Origins:
    return Origins(tuple(truth.nodes), truth.made[resource].origin)


def below_fosters(holders: Mapping[str, Holder]) -> frozenset[str]:
    """Nodes with a foster parent outside their territory chain above them."""
    return frozenset(node for node, holder in holders.items() if _fosters(holder, holders))


def _fosters(holder: Holder, holders: Mapping[str, Holder]) -> list[str]:
    """The ancestors of a node whose territory does not contain its own."""
    found: list[str] = []
    upper = holder.parent
    while upper:
        if not holder.territory.startswith(holders[upper].territory):
            found.append(upper)
        upper = holders[upper].parent
    return found


def joined(*excuses: Presence) -> dict[tuple[str, str], Flags]:
    """Records for which one of the excuses holds."""
    found: dict[tuple[str, str], Flags] = {}
    for excuse in excuses:
        for key, flags in excuse.items():
            found[key] = found[key] | flags if key in found else flags
    return found


_LET_GO = """
    SELECT r.origin, r.incarnation, b.lane, b.resource, r.first_seq, r.last_seq
    FROM batch b JOIN batch_run r ON r.lsn = b.lsn WHERE b.freed IN (SELECT value FROM json_each(?)) AND r.state = 1
"""


def in_state(copy: Copy, truth: Truth, state: State) -> dict[str, Flags]:
    """By resource that the world made: the records of which a journal has an account in `state`."""
    accounts = _runs_in_state(copy, state)
    return _marked({stream: ranges for stream, ranges in accounts.items() if stream.resource in truth.made}, truth)


def _marked(accounts: _Accounts, truth: Truth) -> dict[str, Flags]:
    found: dict[str, Flags] = {}
    for stream, ranges in accounts.items():
        flags = found.setdefault(stream.resource, np.zeros(truth.made[stream.resource].count, np.bool_))
        for first, last in ranges:
            mark(flags, truth, stream, first, last)
    return found


def _runs_in_state(copy: Copy, state: State) -> dict[Stream, list[tuple[int, int]]]:
    runs = copy.runs
    found: dict[Stream, list[tuple[int, int]]] = {}
    for row in np.flatnonzero(runs.state == state):
        found.setdefault(copy.streams[runs.stream[row]], []).append((int(runs.first[row]), int(runs.last[row])))
    return found


def _numbered_in(copy: Copy, records: Records, accounts: _Accounts) -> Flags:
    """Where a row of a journal has a number of which there is an account."""
    chosen = np.zeros(records.count, np.bool_)
    for index, stream in enumerate(copy.streams):
        if stream in accounts:
            mine = records.stream == index
            for first, last in accounts[stream]:
                chosen |= mine & (records.number >= first) & (records.number <= last)
    return chosen


def mark(flags: Flags, truth: Truth, stream: Stream, first: int, last: int) -> None:
    """Set the flags of the records with the numbers `first` to `last`."""
    for entry in truth.numbered.get(stream, ()):
        low, high = max(entry.first, first), min(entry.last, last)
        if low <= high:
            flags[entry.id + low - entry.first : entry.id + high - entry.first + 1] = True
