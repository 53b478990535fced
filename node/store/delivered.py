"""What became of every record on its way to one upper node, as run maps: what a node with a new parent goes by.

Called by node/store/journal.py. The decisions are those of node/store/flows.py: acknowledged, not abandoned, refusals counted.
"""

from __future__ import annotations

import sqlite3

from node.store.flows import Scope, accounts
from node.store.tape import Account
from sync.model import Direction, RunMap, State, Stream


def delivered_to(connection: sqlite3.Connection, peer: str) -> dict[Stream, RunMap]:
    """The states of all numbers that `peer` has acknowledged, by stream."""
    return {account.stream: _run_map(account) for account in accounts(connection, peer, Direction.UP, Scope())}


def _run_map(account: Account) -> RunMap:
    rows = zip(account.start.tolist(), account.stop.tolist(), account.state.tolist(), strict=True)
    return RunMap.of((first, stop - 1, state) for first, stop, state in rows if state != State.PENDING)
