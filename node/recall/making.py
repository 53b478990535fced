"""Making a receipt from what a node keeps: tombstones, its own records that were found, the share ledger, and the books of pages.

Called by desk.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

import msgspec

from node.recall.eraser import Eraser, Kept
from node.recall.orders import Order, resources_of
from node.recall.pages import Pages, concerns_pages
from node.recall.receipt import Ranges, Receipt, Stores, count_of, given_to, ranges_of, root_of
from node.store import recalled
from node.store.journal import SqliteJournal
from node.store.recalled import OrderNote, Stretch
from sync.model import Stream, merged_ranges

EVIDENCE = "camera-evidence"
"""The resource whose rows are pictures."""


class NotePage(msgspec.Struct, frozen=True):
    """What a node writes down once it has carried out an order."""

    covered: list[str] = []
    """Codes of the resources that the order meant then."""
    receipt: Receipt | None = None
    """None for a node that has nothing to say."""


def read_page(facts: str) -> NotePage:
    """The page of a note; an empty one where there is none yet."""
    return msgspec.json.decode(facts, type=NotePage) if facts else NotePage()


def receipt_of(order: Order, note: OrderNote, kept: Kept, eraser: Eraser, pages: Pages | None = None) -> Receipt | None:
    """What a node has to say once it complied; None for one that never had or fetched a record of what is recalled. Blocking."""
    journal, codes = eraser.journal, [one.code for one in resources_of(order, eraser.policy.ruleset.resources.values())]
    books = pages if codes and concerns_pages(order) else None
    taken, requests = books.fetched.of(codes) if books is not None else (0, [])
    if not codes or not (taken or journal.look("look at what was here", lambda db: recalled.had_any(db, codes))):
        return None
    found = journal.look("read of what was recalled", lambda db: recalled.stretches(db, order.id))
    erased = ranges_of(one for one in found if not one.is_masked)
    masked = ranges_of(one for one in found if one.is_masked)
    own = {stream: merged_ranges(ranges) for stream, ranges in kept.ranges.items()}
    together = _together(erased, masked, own)
    return Receipt(
        order=order.id,
        entry=order.entry.id,
        root=root_of(found),
        erased=count_of(erased),
        masked=count_of(masked),
        kept=count_of(own),
        stores=_stores(found, projections=len(codes), damaged=kept.damaged_copies, pages=taken),
        began_us=note.began_us,
        done_us=eraser.clock.wall_us(),
        onward=given_to(together, _delivered(journal, codes)),
        sources=sorted({one.source for one in found}),
        fetched=books.given(together, codes) if books is not None else {},
        requests=requests,
    )


def _together(*parts: Ranges) -> dict[Stream, list[tuple[int, int]]]:
    streams = {stream for part in parts for stream in part}
    return {stream: merged_ranges([one for part in parts for one in part.get(stream, ())]) for stream in streams}


def _delivered(journal: SqliteJournal, codes: Sequence[str]) -> Iterator[tuple[str, Stream, int, int]]:
    for code in codes:

        def read(db: sqlite3.Connection, code: str = code) -> list[tuple[str, Stream, int, int]]:
            return list(recalled.delivered(db, code))

        yield from journal.look("read of the share ledger", read)


def _stores(found: list[Stretch], *, projections: int, damaged: int, pages: int) -> Stores:
    return Stores(
        journal_rows=sum(one.count for one in found),
        journal_batches=len({one.lsn for one in found}),
        projections=projections,
        damaged_copies=damaged,
        evidence=sum(one.count for one in found if one.stream.resource == EVIDENCE),
        pages=pages,
    )
