"""Air readings as any reader of a node finds them, for scripts that look while the day goes on. Called by the scripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from node.store.records import decode_rows
from simulations.host import Host
from simulations.rules import LIMIT_VALUE
from sync.model import Span, State

RESOURCE = "air-quality"
ABOVE_GRID = ("s111", "d11", "m1", "p0")
"""Nodes of a line that hold readings of others, the lowest first."""


def is_high(value: float) -> bool:
    """True for a reading above the limit of simulations/rules.py."""
    return value > LIMIT_VALUE


def rows_of(host: Host, chosen: Callable[[Any], bool], *, column: str = "value") -> int:
    """Live readings of others in a journal whose value in `column` is chosen."""
    return sum(map(chosen, values_of(host, column=column)))


def values_of(host: Host, *, resource: str = RESOURCE, column: str = "value") -> list[Any]:
    """The values of a column of the live rows of others in a journal."""
    found: list[Any] = []
    after = 0
    while batches := host.journal.find(resource, Span(after, host.journal.last_lsn), batches_max=256, bytes_max=32 << 20):
        for stored in batches:
            runs = [run for run in stored.live_runs if run.state is State.PRESENT and run.origin != host.id]
            if runs:
                values = decode_rows(stored.batch.payload).column(column).to_pylist()
                found += [value for run in runs for value in values[run.row_offset : run.row_offset + run.count]]
        after = batches[-1].lsn
    return found
