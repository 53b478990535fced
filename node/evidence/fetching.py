"""An original that another node has, under a grant: asked for by event or hash, judged like a row, stamped, sealed, entered at both ends.

Owns what is beyond a page of rows: the question that names one picture, and the rule that a grant gives originals only where its filter
speaks of `masked` and lets `masked = false` through, so that nobody grants unmasked pictures by granting rows. The original is judged as a
row of `camera-evidence` graded L3, by the very gate, filters, ceiling and negative list of any page (node/requests/giving.py), and leaves
as a page of that one row. Nodes between see who asks whom about which picture, and no pixel. Called through node/tree/routes.py, by api.py.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any

import msgspec
import pyarrow as pa
from msgspec import Meta

from node.cameras.rows import EVIDENCE
from node.evidence.book import Picture
from node.evidence.desk import EvidenceDesk
from node.evidence.errors import EvidenceFault
from node.evidence.stamping import Stamp, stamped
from node.ingest.inbox import to_record_batch
from node.requests.envelope import (
    Cursor,
    PageBody,
    Paper,
    Question,
    Seal,
    Signer,
    check_format,
    page_paper,
    parsed,
    signed_paper,
    signer_of,
)
from node.requests.errors import FetchRefused
from node.requests.giving import Giving
from node.requests.shares import Share
from node.requests.taking import Taking
from policies.catalogue import schema
from policies.grant import Grant
from policies.granting import Given
from policies.predicate import compile_predicate
from sync.wire.payload import encode_payload

PICTURE = "evidence-original"
"""Verb of the question between nodes."""
GRADE = 3
"""Of a picture as it was taken: it may show persons and plates."""
MASKED = "masked"
_ASKING = b"yunnao-picture-1\x00"


class PictureQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What the asker wants."""

    question: Question
    """As for a page; its cursor says nothing."""
    picture: Annotated[str, Meta(min_length=8, max_length=128)]
    """The event, or the hash of its original or of the masked picture that travelled."""


@dataclass(frozen=True, slots=True)
class Original:
    """A copy that was handed out."""

    jpeg: bytes
    """With the watermark."""
    original_sha256: str
    """Of the picture without it; empty where the grant does not give the column."""
    event_id: str


def picture_paper(question: Question, seal: Seal, *, picture: str) -> bytes:
    """A question for one picture, signed."""
    return signed_paper(_ASKING, msgspec.msgpack.encode(PictureQuestion(question=question, picture=picture)), b"", seal)


def read_picture_question(data: bytes, seal: Seal) -> tuple[PictureQuestion, Signer]:
    """A question for one picture and who signed it. Raises FetchRefused."""
    paper = parsed(data, Paper)
    asked = parsed(paper.front, PictureQuestion)
    check_format(asked.question.format)
    signer = signer_of(_ASKING, paper, seal)
    if signer.who.node != asked.question.asker:
        raise FetchRefused(f"a question of {asked.question.asker} was signed by {signer.who.node}")
    return asked, signer


@dataclass(slots=True)
class EvidenceGiving:
    """The provider's side."""

    desk: EvidenceDesk
    giving: Giving
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def answer(self, body: bytes) -> bytes:
        """The original that a question names, as a page of one row. Raises CaseError, PolicyError, EvidenceFault, JournalError."""
        async with self._one_at_a_time:
            await self.giving.cases.follow()
            asked, signer, grant = await asyncio.to_thread(self._judged, body)
            found, original = await asyncio.to_thread(self.desk.original, asked.picture)
            at_us, question = self.giving.clock.wall_us(), asked.question
            jpeg = await stamped(original, Stamp(question.asker, question.by, at_us, f"{found.event_id} {question.case_id}"))
            return await asyncio.to_thread(self._handed_out, question, signer, grant, found, jpeg)

    def _judged(self, body: bytes) -> tuple[PictureQuestion, Signer, Grant]:
        asked, signer = read_picture_question(body, self.giving.seal)
        grant = self.giving.judged(asked.question, signer)
        if grant.resource != EVIDENCE:
            raise FetchRefused(f"request {asked.question.case_id} is about {grant.resource}: originals belong to {EVIDENCE}")
        if why := self.giving.policy.closed(EVIDENCE):
            raise FetchRefused(why)
        if MASKED not in self._filtered_by(grant):
            raise FetchRefused(
                f"the grant of request {asked.question.case_id} gives masked pictures only: ask for one with the fields jpeg and masked "
                f"and the filter `masked = false`"
            )
        return asked, signer, grant

    def _filtered_by(self, grant: Grant) -> frozenset[str]:
        known = schema(self.giving.policy.ruleset.resources[EVIDENCE])
        texts = [text for text in (grant.asked, grant.limit) if text]
        return frozenset(name for text in texts for name in compile_predicate(text, known).columns)

    def _handed_out(self, question: Question, signer: Signer, grant: Grant, found: Picture, jpeg: bytes) -> bytes:
        giving = self.giving
        keys = giving.recipient_keys(question.asker, EVIDENCE)
        given = giving.policy.gate.give(grant, self._row(found, jpeg), level=signer.who.level, keys=keys)
        if not given.rows.num_rows or "jpeg" not in given.rows.schema.names or not given.rows.column("jpeg")[0].as_py():
            reasons = ", ".join([*given.withheld, *(f"jpeg {mask}" for name, mask in given.masks.items() if name == "jpeg")])
            why = reasons or "outside the filter or the fields of the grant"
            raise FetchRefused(f"the original of {found.event_id} is not given: {why}")
        payload = encode_payload(given.rows, compression="zstd")
        share = self._share(question, grant, given, payload)
        # Entered first, as with any page: a crash leaves an entry for a picture that nobody got, never the other way round.
        if giving.noting is not None:
            giving.noting(share)
        giving.shares.enter(share)
        page = PageBody(payload=payload, withheld=dict(given.withheld), masks=dict(given.masks), following=Cursor(), is_last=True)
        return page_paper(page, question, signer.key, giving.seal)

    def _row(self, found: Picture, jpeg: bytes) -> pa.RecordBatch:
        """The original as a row of its resource; columns that say nothing of it are empty."""
        known = schema(self.giving.policy.ruleset.resources[EVIDENCE])
        said: dict[str, Any] = {
            "event_time": found.at_us, "territory": self.giving.cases.me.territory, "grade": GRADE, "sha256": found.sha256,
            "event_id": found.event_id, "camera": found.camera, "jpeg": jpeg, MASKED: False,
        }  # fmt: skip
        return to_record_batch(known, [(said.get(name),) for name in known.names])

    def _share(self, question: Question, grant: Grant, given: Given, payload: bytes) -> Share:
        return Share(
            at_us=self.giving.clock.wall_us(),
            case_id=grant.id,
            asker=question.asker,
            by=question.by,
            resource=EVIDENCE,
            fields=grant.fields,
            purpose=grant.purpose,
            rows=1,
            withheld=dict(given.withheld),
            first_lsn=0,
            last_lsn=0,
            sha256=hashlib.sha256(payload).hexdigest(),
            policy=self.giving.policy.version.digest.hex(),
            plan=given.plan_hash.hex(),
        )


@dataclass(frozen=True, slots=True)
class EvidenceTaking:
    """The asker's side; keeps nothing."""

    taking: Taking

    async def original(self, case_id: str, picture: str, *, by: str) -> Original:
        """A copy of an original of the provider of a granted request. Raises CaseError, RouteRefused, PolicyError, EvidenceFault."""
        rows, _ = await self.taking.page(case_id, Cursor(), by=by, verb=PICTURE, paper=partial(picture_paper, picture=picture))
        if rows is None or rows.num_rows != 1 or "jpeg" not in rows.schema.names:
            raise EvidenceFault(f"the answer about {picture} holds no picture: update the older of the two nodes")
        row = rows.to_pylist()[0]
        return Original(row["jpeg"], row.get("sha256") or "", row.get("event_id") or "")
