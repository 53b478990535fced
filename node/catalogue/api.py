"""The verbs of the local API about the catalogue. Blocking work runs off the event loop; an issue runs on it, because links hear of it.

Called by node/api.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from node.catalogue.desk import CatalogueDesk
from node.catalogue.freshness import Freshness
from node.catalogue.importing import ENTRIES_MAX
from node.catalogue.review import Amends, Review
from node.catalogue.shelf import Filter
from policies.words import Share

LISTED_MAX = 1_000
"""Entries of one list; the rest by `offset`."""
PAGE_MAX = 500
HISTORY_MAX = 5_000
WORDS_CHARS_MAX = 200
SAMPLE_ROWS_MAX = 5_000
"""Values of one column that a caller may hand in."""

Plain = dict[str, Any]
Words = Annotated[str, Meta(max_length=WORDS_CHARS_MAX)]
Code = Annotated[str, Meta(max_length=63)]
Table = dict[str, tuple[type[msgspec.Struct], Callable[[Any], Awaitable[Plain]]]]


class Listing(msgspec.Struct, forbid_unknown_fields=True):
    """Entries in force that match all that is given, by code; `drafts` lists the draft instead."""

    text: Words = ""
    provider: Words = ""
    issuer: Words = ""
    library: Words = ""
    grade: Annotated[int, Meta(ge=0, le=4)] | None = None
    share: Literal["unconditional", "conditional", "none"] | None = None
    state: Literal["fresh", "stale", "empty", "unpromised"] | None = None
    drafts: bool = False
    offset: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    limit: Annotated[int, Meta(ge=1, le=LISTED_MAX)] = 100


class Show(msgspec.Struct, forbid_unknown_fields=True):
    """One entry."""

    code: Code


class Entries(msgspec.Struct, forbid_unknown_fields=True):
    """Encoded entries past a code, in force or as the draft would have them."""

    after: Code = ""
    drafts: bool = False
    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX)] = PAGE_MAX


class Import(msgspec.Struct, forbid_unknown_fields=True):
    """Encoded entries for the draft."""

    entries: Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=ENTRIES_MAX)]
    source: Words = ""


class Drop(msgspec.Struct, forbid_unknown_fields=True):
    """Codes to take out of the draft."""

    codes: Annotated[list[Code], Meta(min_length=1, max_length=ENTRIES_MAX)]


class Withdraw(msgspec.Struct, forbid_unknown_fields=True):
    """Codes that the next issue takes out of the catalogue."""

    codes: Annotated[list[Code], Meta(min_length=1, max_length=ENTRIES_MAX)]


class Issue(msgspec.Struct, forbid_unknown_fields=True):
    """Bring the draft into force."""


class History(msgspec.Struct, forbid_unknown_fields=True):
    """Changes, newest first."""

    code: Code = ""
    issuer: Words = ""
    limit: Annotated[int, Meta(ge=1, le=HISTORY_MAX)] = 100


class Propose(msgspec.Struct, forbid_unknown_fields=True):
    """Judge a resource by its newest rows, or by columns given (texts by field name or title)."""

    resource: Code
    columns: dict[str, Annotated[list[str | None], Meta(max_length=SAMPLE_ROWS_MAX)]] | None = None


class Queue(msgspec.Struct, forbid_unknown_fields=True):
    """Proposals that wait, surest first; `decided` shows those that were decided as well."""

    decided: bool = False
    limit: Annotated[int, Meta(ge=1, le=LISTED_MAX)] = LISTED_MAX


class Decide(msgspec.Struct, forbid_unknown_fields=True):
    """A person's decision on proposals; what is given beside `accept` is accepted instead of what was proposed."""

    ids: Annotated[list[Annotated[int, Meta(ge=1)]], Meta(min_length=1, max_length=LISTED_MAX)]
    accept: bool
    by: Words
    why: Words = ""
    grade: Annotated[int, Meta(ge=1, le=4)] | None = None
    role: Literal["direct-id", "quasi-id", "sensitive", "plain"] | None = None
    category: Words | None = None
    mask: Words | None = None


class CatalogueVerbs:
    """Answers the verbs; `desk` and `review` are asked for when one is called."""

    def __init__(self, desk: Callable[[], CatalogueDesk], review: Callable[[], Review]) -> None:
        self._desk = desk
        self._review = review
        self.table: Table = {
            "catalogue": (Listing, self._list),
            "catalogue_show": (Show, lambda asked: asyncio.to_thread(desk().shown, asked.code)),
            "catalogue_entries": (Entries, lambda asked: asyncio.to_thread(desk().page, asked.after, asked.limit, drafts=asked.drafts)),
            "catalogue_import": (Import, lambda asked: asyncio.to_thread(desk().take, asked.entries, source=asked.source)),
            "catalogue_drop": (Drop, self._drop),
            "catalogue_withdraw": (Withdraw, lambda asked: asyncio.to_thread(desk().withdraw, asked.codes)),
            "catalogue_issue": (Issue, self._issue),
            "catalogue_history": (History, self._history),
            "classify_propose": (Propose, lambda asked: asyncio.to_thread(review().propose, asked.resource, asked.columns)),
            "classify_list": (Queue, lambda asked: asyncio.to_thread(review().listing, decided=asked.decided, limit=asked.limit)),
            "classify_decide": (Decide, self._decide),
        }

    async def _list(self, asked: Listing) -> Plain:
        desk = self._desk()
        if asked.drafts:
            return await asyncio.to_thread(_drafts, desk, asked.offset, asked.limit)
        share = Share(asked.share) if asked.share else None
        wanted = Filter(asked.text, asked.provider, asked.issuer, asked.library, asked.grade, share)
        states = (Freshness(asked.state),) if asked.state else ()
        return await asyncio.to_thread(desk.listed, wanted, states=states, offset=asked.offset, limit=asked.limit)

    async def _drop(self, asked: Drop) -> Plain:
        dropped = await asyncio.to_thread(self._desk().store.drop_draft, asked.codes)
        return {"dropped": dropped}

    async def _decide(self, asked: Decide) -> Plain:
        review = self._review()
        if not asked.accept:
            return await asyncio.to_thread(review.refuse, asked.ids, by=asked.by, why=asked.why)
        amends = Amends(asked.grade, asked.role, asked.category, asked.mask)
        return await asyncio.to_thread(review.accept, asked.ids, amends, by=asked.by, why=asked.why)

    async def _issue(self, _: Issue) -> Plain:
        return await self._desk().issue_aside()

    async def _history(self, asked: History) -> Plain:
        store = self._desk().store
        found = await asyncio.to_thread(lambda: store.history(code=asked.code, issuer=asked.issuer, limit=asked.limit))
        return {"history": found}


def _drafts(desk: CatalogueDesk, offset: int, limit: int) -> Plain:
    drafts = list(desk.store.draft().values())
    shown = [
        {
            "code": one.code,
            "title": {"zh": one.entry.get("title_zh"), "en": one.entry.get("title_en")},
            "provider": one.entry.get("provider"),
            "is_new": one.code not in desk.shelf.entries,
            "source": one.source,
            "at_us": one.at_us,
        }
        for one in drafts[offset : offset + limit]
    ]
    return {"total": len(drafts), "entries": shown, "of": len(drafts), "withdrawn": list(desk.store.withdrawals())}
