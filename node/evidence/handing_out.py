"""One picture or clip of this node as the answer to a granted question: judged like a row, entered first, sealed to its asker.

Owns everything that stills and clips have in common beyond a page of rows: the frame of an answer at the provider, and of what the asker
takes from it. What sort it is, and how a copy of it is made, is said by those who use it. Called by fetching.py and clip_fetching.py.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import msgspec
import pyarrow as pa

from node.cameras.rows import GRADE
from node.evidence.errors import EvidenceFault
from node.evidence.stamping import Stamp
from node.ingest.inbox import to_record_batch
from node.requests.envelope import Asking, Cursor, PageBody, Question, Seal, Signer, page_paper, read_asked, signed_paper
from node.requests.errors import FetchRefused
from node.requests.giving import Giving
from node.requests.shares import Share
from node.requests.taking import Taking
from policies.catalogue import schema
from policies.grant import Grant
from policies.granting import MASKED, Given, speaks_of
from sync.wire.payload import encode_payload

GRADE_ORIGINAL = 3
"""Of what was not masked: it may show persons and plates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sort:
    """A sort of evidence that is handed out one by one."""

    verb: str
    """Of the question between nodes."""
    label: bytes
    """What its signatures begin with, so that none of one paper is one of another."""
    resource: str
    bytes_in: str
    """Column with the picture or the video: a row without it is nothing."""
    many: str
    masked: str
    unmasked: str
    """What one of them is called that is masked, and one that is as the camera sent it."""
    how_unmasked: str
    """What a grant gives that does not speak of unmasked ones, and what to ask for."""

    def name(self, *, unmasked: bool) -> str:
        """What one of them is called."""
        return self.unmasked if unmasked else self.masked


class Asked(Asking, Protocol):
    """A question for one of a sort."""

    @property
    def unmasked(self) -> bool:
        """True: as the camera sent it."""


_Asked = TypeVar("_Asked", bound=Asked)

Cells = Mapping[str, object]
"""A copy as a row of the sort's resource, by column, `event_id` among them; what is left out is empty. The frame says grade and masking."""


# ---- the provider's side


@dataclass(slots=True)
class HandingOut(Generic[_Asked]):
    """What this node hands out of one sort, one at a time."""

    sort: Sort
    wanted: type[_Asked]
    giving: Giving
    copied: Callable[[_Asked, Stamp], Awaitable[Cells]]
    """Makes the copy for who is in the stamp, which is about the request; raises EvidenceFault."""
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def answer(self, body: bytes) -> bytes:
        """What a question names, as a page of one row. Raises CaseError, PolicyError, EvidenceFault, JournalError."""
        async with self._one_at_a_time:
            await self.giving.cases.follow()
            asked, signer = await asyncio.to_thread(self._judged, body)
            question = asked.question
            stamp = Stamp(question.asker, question.by, self.giving.clock.wall_us(), question.case_id)
            cells = await self.copied(asked, stamp)
            # The copy took seconds.
            await self.giving.cases.follow()
            return await asyncio.to_thread(self._handed_out, asked, signer, cells)

    def _judged(self, body: bytes) -> tuple[_Asked, Signer]:
        asked, signer = read_asked(self.sort.label, body, self.wanted, self.giving.seal)
        grant = self.giving.judged(asked.question, signer)
        if grant.resource != self.sort.resource:
            raise FetchRefused(f"request {grant.id} is about {grant.resource}: {self.sort.many} belong to {self.sort.resource}")
        if why := self.giving.policy.closed(grant.resource):
            raise FetchRefused(why)
        if asked.unmasked and not self._gives_unmasked(grant):
            raise FetchRefused(f"the grant of request {grant.id} {self.sort.how_unmasked}")
        return asked, signer

    def _gives_unmasked(self, grant: Grant) -> bool:
        """True where a grant speaks of what was not masked; whether it lets this through is the gate's to say."""
        return speaks_of(grant, self.giving.policy.ruleset.resources[grant.resource], MASKED)

    def _handed_out(self, asked: _Asked, signer: Signer, cells: Cells) -> bytes:
        """The page of one row, when the gate lets its bytes through. Raises FetchRefused and what a page raises."""
        giving, question = self.giving, asked.question
        grant = giving.still_granted(question, signer)
        keys = giving.recipient_keys(question.asker, grant.resource)
        given = giving.policy.gate.give(grant, self._row(asked, cells), level=signer.who.level, keys=keys)
        if not _cell(given.rows, self.sort.bytes_in):
            raise FetchRefused(self._why_not(asked, cells, given))
        payload = encode_payload(given.rows, compression="zstd")
        share = _share(giving, question, grant, given, payload)
        # Entered first, as with any page: a crash leaves an entry for what nobody got, never the other way round.
        if giving.noting is not None:
            giving.noting(share)
        giving.shares.enter(share)
        page = PageBody(payload=payload, withheld=dict(given.withheld), masks=dict(given.masks), following=Cursor(), is_last=True)
        return page_paper(page, question, signer.key, giving.seal)

    def _row(self, asked: _Asked, cells: Cells) -> pa.RecordBatch:
        said: dict[str, Any] = {"territory": self.giving.cases.me.territory, **cells}
        said |= {"grade": GRADE_ORIGINAL if asked.unmasked else GRADE, MASKED: not asked.unmasked}
        known = schema(self.giving.policy.ruleset.resources[self.sort.resource])
        return to_record_batch(known, [(said.get(name),) for name in known.names])

    def _why_not(self, asked: _Asked, cells: Cells, given: Given) -> str:
        column = self.sort.bytes_in
        reasons = ", ".join([*given.withheld, *(f"{column} {mask}" for name, mask in given.masks.items() if name == column)])
        what = f"the {self.sort.name(unmasked=asked.unmasked)} of event {cells['event_id']}"
        return f"{what} is not given: {reasons or 'outside the filter or the fields of the grant'}"


def _share(giving: Giving, question: Question, grant: Grant, given: Given, payload: bytes) -> Share:
    return Share(
        at_us=giving.clock.wall_us(),
        case_id=grant.id,
        asker=question.asker,
        by=question.by,
        resource=grant.resource,
        fields=grant.fields,
        purpose=grant.purpose,
        rows=1,
        withheld=dict(given.withheld),
        first_lsn=0,
        last_lsn=0,
        sha256=hashlib.sha256(payload).hexdigest(),
        policy=giving.policy.version.digest.hex(),
        plan=given.plan_hash.hex(),
    )


# ---- the asker's side


async def taken_row(
    taking: Taking, sort: Sort, case_id: str, *, by: str, unmasked: bool, named: str, question: Callable[[Question], Asked]
) -> dict[str, Any]:
    """The row of a copy from the provider of a granted request; `question` asks for what is `named`.

    Raises CaseError, RouteRefused, PolicyError, EvidenceFault where the answer holds none.
    """
    rows, _ = await taking.page(case_id, Cursor(), by=by, verb=sort.verb, paper=lambda asked, seal: paper_of(sort, question(asked), seal))
    if rows is None or rows.num_rows != 1 or sort.bytes_in not in rows.schema.names:
        raise EvidenceFault(f"the answer about {named} holds no {sort.name(unmasked=unmasked)}: update the older of the two nodes")
    row: dict[str, Any] = rows.to_pylist()[0]
    return row


def paper_of(sort: Sort, asked: Asked, seal: Seal) -> bytes:
    """A question for one of a sort, signed."""
    return signed_paper(sort.label, msgspec.msgpack.encode(asked), b"", seal)


def _cell(rows: pa.RecordBatch, column: str) -> object:
    """What the one row holds there; None where the row or its column did not come through."""
    return rows.column(column)[0].as_py() if rows.num_rows and column in rows.schema.names else None
