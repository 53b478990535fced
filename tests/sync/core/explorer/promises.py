"""What must hold in every state of the small tree, and what in a state where nothing more can happen."""

from __future__ import annotations

from sync.model import Direction, Fate, RunMap, State
from tests.contracts.memory_journal import MemoryJournal
from tests.sync.core.explorer.small_tree import LANE, SmallTree
from tests.sync.core.rig import Station


def broken(tree: SmallTree) -> str:
    """The first promise that does not hold; empty when all do."""
    for station in tree.rig.stations.values():
        if found := _live_rows(tree, station) or _acknowledged(tree, station) or _delivered(tree, station) or _secured(tree, station):
            return found
    return ""


def unfinished(tree: SmallTree) -> str:
    """Why a tree at rest, linked, with no fault left, has not converged; empty when it has."""
    held = {2.0} if tree.rig.stations["aa"].gate.held else set()
    want = sorted({1.0, 2.0, 3.0} - held)
    got = sorted(tree.rig.values("pp", "air-quality"))
    if got != want:
        return f"P5: p holds {got}, {want} may be there"
    for name in ("aa", "bb"):
        books = _books(tree.rig.stations["pp"], name)
        made = 2 if name == "aa" else 1
        if (books.top, books.count(Fate.PENDING)) != (made, 0):
            return f"P8: p has no account of every record of {name}: {list(books)}"
    return ""


def _books(station: Station, origin: str) -> RunMap:
    streams = station.journal.recover().streams
    return next((run_map for stream, run_map in streams.items() if stream.origin == origin), RunMap())


def _live_rows(tree: SmallTree, station: Station) -> str:
    seen: dict[str, set[int]] = {}
    newest: dict[str, int] = {}
    for stored in tree.rig.batches(station.name):
        for run in stored.live_runs:
            if not run.state.has_rows:
                continue
            numbers = set(range(run.first, run.last + 1))
            if numbers & seen.setdefault(run.origin, set()):
                return f"P2: {station.name} counts {run.origin} {run.first}..{run.last} twice"
            seen[run.origin] |= numbers
            if not stored.batch.header.backfill and run.first < newest.get(run.origin, 0):
                return f"P3: {station.name} has {run.origin} {run.first} after {newest[run.origin]}"
            newest[run.origin] = newest.get(run.origin, 0) if stored.batch.header.backfill else run.last
    for origin in ("aa", "bb"):
        entries = [entry for entry in _books(station, origin) if entry.state is State.PRESENT]
        present = {number for entry in entries for number in range(entry.first, entry.last + 1)}
        if present != seen.get(origin, set()):
            return f"{station.name} says that {sorted(present)} of {origin} are here, rows are here of {sorted(seen.get(origin, set()))}"
    return ""


def _acknowledged(tree: SmallTree, station: Station) -> str:
    for (peer, direction, lane), mark in station.engine._desk.out_marks.items():
        other = tree.rig.stations[peer]
        held = other.journal.recover().in_positions.get((station.name, station.incarnation, direction, lane))
        if mark.wire > (held.upto if held else 0):
            return f"{station.name} believes that {peer} has its journal up to {mark.wire}, committed there is {held}"
    return ""


def _delivered(tree: SmallTree, station: Station) -> str:
    for peer in {peer for peer, direction, _ in station.engine._desk.out_marks if direction is Direction.UP}:
        for stream, run_map in station.journal.delivered_to(peer).items():
            theirs = _books(tree.rig.stations[peer], stream.origin)
            for entry in run_map:
                here = theirs.pieces(entry.first, entry.last)
                if any(piece.state.fate is Fate.PENDING for piece in here):
                    return f"P8: {station.name} accounts {stream.origin} {entry} toward {peer}, which knows nothing of it"
                if entry.state is State.PRESENT and any(piece.state is not State.PRESENT for piece in here):
                    return f"P8: {station.name} counts {stream.origin} {entry} as delivered to {peer}, it is {here} there"
    return ""


def _secured(tree: SmallTree, station: Station) -> str:
    """What is secured at the parent has reached the top, or the top has its account."""
    if station.name not in ("aa", "bb"):
        return ""
    journal = station.journal
    assert isinstance(journal, MemoryJournal)
    secured = max((mark.secured for (_, _, lane), mark in station.engine._desk.out_marks.items() if lane is LANE), default=0)
    for stored in tree.rig.batches(station.name)[:secured]:
        for run in stored.batch.header.runs:
            if any(piece.state is State.PENDING for piece in _books(tree.rig.stations["pp"], run.origin).pieces(run.first, run.last)):
                return f"P1: {station.name} was told that {run.origin} {run.first}..{run.last} is secured, p knows nothing of it"
    return ""
