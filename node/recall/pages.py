"""Pages of requests in a recall: what this node gave of the records that an order takes back, and what it fetched itself.

A page is handed to a person and kept by no node, so there is nothing to erase: a provider's receipt names the nodes that fetched, and each
of those answers how many pages it handed on, and under which requests, so that people know which files to destroy. Called by desk.py.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from node.recall.orders import Order
from node.recall.receipt import Ranges, shared
from node.requests.fetched import Fetched
from node.requests.shares import Shares
from node.store.journal import SqliteJournal
from policies.words import Way
from sync.model import Lane, Stream

_RUNS = """
    SELECT b.lsn, b.lane, r.origin, r.incarnation, r.first_seq, r.last_seq
    FROM batch b CROSS JOIN batch_run r ON r.lsn = b.lsn WHERE b.resource = ? ORDER BY b.lsn
"""


def concerns_pages(order: Order) -> bool:
    """True when what an order recalls may not be given sideways either."""
    ways = order.entry.ways
    return not ways or Way.SIDEWAYS in ways


@dataclass(frozen=True, slots=True)
class Pages:
    """The two books of pages of one node."""

    shares: Shares
    fetched: Fetched
    journal: SqliteJournal

    def given(self, ranges: Ranges, resources: Sequence[str]) -> dict[str, int]:
        """By node, the rows on pages that read a batch with one of these records: as many as it may have of them. Blocking."""
        found: Counter[str] = Counter()
        for resource in resources:
            pages = self.shares.over(resource)
            if not pages:
                continue
            meant, every = self._places(resource, ranges)
            for page in pages:
                # A page may end inside a batch: then it read the beginning of the one behind the last that it names.
                behind = bisect_right(every, page.last_lsn)
                upto = every[behind] if behind < len(every) else page.last_lsn
                if bisect_right(meant, upto) > bisect_right(meant, page.first_lsn):
                    found[page.asker] += page.rows
        return dict(sorted(found.items()))

    def _places(self, resource: str, ranges: Ranges) -> tuple[list[int], list[int]]:
        """Ascending, the batches of a resource with one of the records, whether or not they are there still, and all its batches."""

        def read(db: sqlite3.Connection) -> tuple[list[int], list[int]]:
            meant, every = set[int](), set[int]()
            for lsn, lane, origin, life, first, last in db.execute(_RUNS, (resource,)):
                every.add(lsn)
                of = ranges.get(Stream(origin, life, Lane(lane), resource), ())
                if of and shared(of, first, last):
                    meant.add(lsn)
            return sorted(meant), sorted(every)

        return self.journal.look("look for pages with recalled records", read)
