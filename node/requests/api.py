"""The verbs of the local API about requests for data. Called by node/api.py."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

import msgspec
import pyarrow as pa
from msgspec import Meta

from node.cases.verbs import LISTED_MAX, CaseId, Name, Plain, Show, Table, Why, Words
from node.requests.envelope import Cursor
from node.requests.kind import FIELDS_MAX, Ask
from node.requests.wiring import Requests
from sync.model import MICROSECONDS

Fields = Annotated[list[Name], Meta(max_length=FIELDS_MAX)]
Moment = Annotated[int, Meta(ge=0, le=1 << 53)]
Position = Annotated[int, Meta(ge=0, le=1 << 62)]
State = Literal["asked", "missing", "supplied", "granted", "refused", "appealed", "overturned", "upheld", "revoked", "withdrawn"]


class Listing(msgspec.Struct, forbid_unknown_fields=True):
    """The newest requests, in some states or in all."""

    states: list[State] = []
    limit: Annotated[int, Meta(ge=1, le=LISTED_MAX)] = 100


class Duties(msgspec.Struct, forbid_unknown_fields=True):
    """The duty list."""

    limit: Annotated[int, Meta(ge=1, le=LISTED_MAX)] = 1_000


class Asking(msgspec.Struct, forbid_unknown_fields=True):
    """A request to a node; without `fields` every field of the resource."""

    provider: Annotated[str, Meta(min_length=1, max_length=63)]
    resource: Name
    purpose: Name
    why: Why
    until_us: Moment
    by: Name
    fields: Fields = []
    filter: Words = ""
    territory: Annotated[str, Meta(pattern="^[0-9]{0,15}$")] = ""
    """Of the provider, where it cannot be found by its id."""


class Granting(msgspec.Struct, forbid_unknown_fields=True):
    """A grant; what is left out is as it was asked for."""

    id: CaseId
    by: Name
    fields: Fields = []
    filter: Words = ""
    valid_from_us: Moment | None = None
    valid_to_us: Moment | None = None
    conditions: Words = ""


class LawText(msgspec.Struct, forbid_unknown_fields=True):
    """The law a refusal stands on."""

    instrument: Words
    article: Words
    quote: Annotated[str, Meta(max_length=4_000)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Refusing(msgspec.Struct, forbid_unknown_fields=True):
    """A refusal."""

    id: CaseId
    by: Name
    why: Words
    basis: LawText


class Lacking(msgspec.Struct, forbid_unknown_fields=True):
    """Data that the provider does not have."""

    id: CaseId
    by: Name
    supplier: Name
    why: Why
    by_us: Moment | None = None


class Saying(msgspec.Struct, forbid_unknown_fields=True):
    """What else a person says about a request."""

    id: CaseId
    fact: Literal["supply", "appeal", "uphold", "overturn", "withdraw", "revoke"]
    by: Name
    why: Words = ""


class Rating(msgspec.Struct, forbid_unknown_fields=True):
    """Whether what was granted serves its asker."""

    id: CaseId
    by: Name
    satisfied: bool
    why: Words = ""


class Fetching(msgspec.Struct, forbid_unknown_fields=True):
    """The next page; zeros for the first one, then what the page before said."""

    id: CaseId
    by: Name
    after_lsn: Position = 0
    skip_rows: Position = 0
    upto_lsn: Position = 0


class RequestVerbs:
    """Answers the verbs; the parts are asked for when one is called."""

    def __init__(self, requests: Callable[[], Requests]) -> None:
        self._requests = requests

    @property
    def table(self) -> Table:
        """Arguments and answer of each verb."""
        return {
            "request_list": (Listing, self._list),
            "request_duties": (Duties, self._duties),
            "request_show": (Show, lambda asked: self._shown(asked.id)),
            "request_ask": (Asking, self._ask),
            "request_grant": (Granting, self._grant),
            "request_refuse": (Refusing, self._refuse),
            "request_missing": (Lacking, self._missing),
            "request_say": (Saying, self._say),
            "request_rate": (Rating, self._rate),
            "request_fetch": (Fetching, self._fetch),
        }

    async def _list(self, asked: Listing) -> Plain:
        desk = self._requests().desk
        found = await asyncio.to_thread(desk.listed, states=frozenset(asked.states), limit=asked.limit)
        return {"requests": found, "counts": await asyncio.to_thread(desk.counts), "fault": desk.cases.fault}

    async def _duties(self, asked: Duties) -> Plain:
        return {"duties": await asyncio.to_thread(self._requests().desk.duties, limit=asked.limit)}

    async def _shown(self, case_id: str) -> Plain:
        return await asyncio.to_thread(self._requests().desk.shown, case_id)

    async def _ask(self, asked: Asking) -> Plain:
        requests = self._requests()
        provider = await requests.parties.provider(asked.provider, asked.territory)
        ask = Ask(
            resource=asked.resource,
            fields=tuple(asked.fields) or requests.desk.fields_of(asked.resource),
            filter=asked.filter,
            purpose=asked.purpose,
            why=asked.why,
            until_us=asked.until_us,
        )
        case = await requests.desk.ask(ask, by=asked.by, provider=provider, arbiter=requests.parties.arbiter(provider))
        return await self._shown(case.id)

    async def _grant(self, asked: Granting) -> Plain:
        changes = {name: getattr(asked, name) for name in ("filter", "valid_from_us", "valid_to_us", "conditions")}
        await self._requests().desk.grant(asked.id, {**changes, "fields": tuple(asked.fields) or None}, by=asked.by)
        return await self._shown(asked.id)

    async def _refuse(self, asked: Refusing) -> Plain:
        body = {"why": asked.why, "basis": msgspec.to_builtins(asked.basis)}
        await self._requests().desk.say(asked.id, "refuse", body, by=asked.by)
        return await self._shown(asked.id)

    async def _missing(self, asked: Lacking) -> Plain:
        desk = self._requests().desk
        await desk.miss(asked.id, supplier=asked.supplier, by_us=asked.by_us, why=asked.why, by=asked.by)
        return await self._shown(asked.id)

    async def _say(self, asked: Saying) -> Plain:
        await self._requests().desk.say(asked.id, asked.fact, {"why": asked.why} if asked.why else {}, by=asked.by)
        return await self._shown(asked.id)

    async def _rate(self, asked: Rating) -> Plain:
        body: Plain = {"rating": {"satisfied": asked.satisfied}} | ({"why": asked.why} if asked.why else {})
        await self._requests().desk.say(asked.id, "rate", body, by=asked.by)
        return await self._shown(asked.id)

    async def _fetch(self, asked: Fetching) -> Plain:
        requests = self._requests()
        case = await requests.taking.case(asked.id)
        cursor = Cursor(asked.after_lsn, asked.skip_rows, asked.upto_lsn)
        rows, facts = await requests.taking.page(asked.id, cursor, by=asked.by)
        names = requests.desk.columns_of(case)
        return {"columns": names, "rows": [] if rows is None else await asyncio.to_thread(_cells, rows)} | facts


def _cells(rows: pa.RecordBatch) -> list[list[object]]:
    columns = [[_value(value) for value in column.to_pylist()] for column in rows.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def _value(value: object) -> object:
    """Times as microseconds since 1970 UTC, bytes as base64."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return round(value.timestamp() * MICROSECONDS) if isinstance(value, datetime) else value
