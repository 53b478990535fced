"""One picture or clip of this node as the answer to a granted question: judged like a row, entered first, sealed to its asker.

Owns what stills and clips have in common beyond a page of rows. Called by fetching.py and clip_fetching.py.
"""

from __future__ import annotations

import hashlib
from typing import Any

import pyarrow as pa

from node.evidence.errors import EvidenceFault
from node.ingest.inbox import to_record_batch
from node.requests.envelope import Cursor, PageBody, Question, Signer, page_paper
from node.requests.errors import FetchRefused
from node.requests.giving import Giving
from node.requests.shares import Share
from policies.catalogue import schema
from policies.grant import Grant
from policies.granting import MASKED, Given, speaks_of
from sync.wire.payload import encode_payload

GRADE_ORIGINAL = 3
"""Of what was not masked: it may show persons and plates."""


def gives_unmasked(giving: Giving, grant: Grant) -> bool:
    """True where a grant speaks of what was not masked; whether it lets this through is the gate's to say."""
    return speaks_of(grant, giving.policy.ruleset.resources[grant.resource], MASKED)


def check_resource(giving: Giving, grant: Grant, resource: str, what: str) -> None:
    """Refuse a grant of another resource, and one that the policy closes. Raises FetchRefused."""
    if grant.resource != resource:
        raise FetchRefused(f"request {grant.id} is about {grant.resource}: {what} belong to {resource}")
    if why := giving.policy.closed(resource):
        raise FetchRefused(why)


def row_of(giving: Giving, resource: str, cells: dict[str, Any]) -> pa.RecordBatch:
    """A row of a resource; columns that `cells` says nothing of are empty."""
    known = schema(giving.policy.ruleset.resources[resource])
    cells = {"territory": giving.cases.me.territory} | cells
    return to_record_batch(known, [(cells.get(name),) for name in known.names])


def handed_out(
    giving: Giving, question: Question, signer: Signer, grant: Grant, row: pa.RecordBatch, *, bytes_in: str, what: str
) -> bytes:
    """The page of one row, when the gate lets its column `bytes_in` through; `what` it shows, in a word for a refusal.

    Blocking; raises FetchRefused and what a page raises.
    """
    keys = giving.recipient_keys(question.asker, grant.resource)
    given = giving.policy.gate.give(grant, row, level=signer.who.level, keys=keys)
    if not given.rows.num_rows or bytes_in not in given.rows.schema.names or not given.rows.column(bytes_in)[0].as_py():
        reasons = ", ".join([*given.withheld, *(f"{bytes_in} {mask}" for name, mask in given.masks.items() if name == bytes_in)])
        why = reasons or "outside the filter or the fields of the grant"
        about = row.column("event_id")[0].as_py()
        raise FetchRefused(f"{what} of event {about} is not given: {why}")
    payload = encode_payload(given.rows, compression="zstd")
    share = _share(giving, question, grant, given, payload)
    # Entered first, as with any page: a crash leaves an entry for a picture that nobody got, never the other way round.
    if giving.noting is not None:
        giving.noting(share)
    giving.shares.enter(share)
    page = PageBody(payload=payload, withheld=dict(given.withheld), masks=dict(given.masks), following=Cursor(), is_last=True)
    return page_paper(page, question, signer.key, giving.seal)


def only_row(rows: pa.RecordBatch | None, bytes_in: str, about: str) -> dict[str, Any]:
    """The row of an answer. Raises EvidenceFault when it holds none."""
    if rows is None or rows.num_rows != 1 or bytes_in not in rows.schema.names:
        raise EvidenceFault(f"the answer about {about} holds no picture: update the older of the two nodes")
    row: dict[str, Any] = rows.to_pylist()[0]
    return row


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
