"""The audit log put together from the parts of a node, and what is entered without anybody asking for it. Called by node/appliance.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from node.assembly import Parts
from node.audit.admitting import AdmissionWatch
from node.audit.api import Audit
from node.audit.desk import AuditDesk
from node.audit.entry import LIST_ITEMS_MAX, TEXT_CHARS_MAX, Scalar
from node.audit.left_notes import LeftNotes
from node.audit.witness import Neighbours, WitnessDesk
from node.audit.words import AuditKind
from node.cases.desk import CaseDesk
from node.cases.fact import Fact
from node.cases.kind import Kind
from node.recall.desk import RecallDesk
from node.recall.orders import Order
from node.requests.giving import Giving
from node.requests.shares import Share
from node.summaries.pull import PULL_VERB
from node.summaries.spec import decode_spec
from node.tree.queries import QueryDesk


def audit_of(parts: Parts) -> Audit:
    """The log with its witnesses; it answers neighbours from now on."""

    def incarnation_of(peer: str) -> int | None:
        known = parts.links.facts_of(peer)
        return None if known is None else known.incarnation

    neighbours = Neighbours(
        parent=parts.parent.node if parts.parent else "",
        is_linked=parts.links.is_linked,
        children=parts.links.children,
        incarnation_of=incarnation_of,
        keys_of=parts.keys.keys_of,
    )
    witnesses = WitnessDesk(parts.audit, parts.queries, neighbours, parts.files.manifest_key, parts.clock)
    witnesses.start()
    parts.audit.attend()
    _hear_of_policy(parts)
    left = LeftNotes(parts.audit, parts.config.data_dir)
    return Audit(parts.audit, witnesses, AdmissionWatch(parts.audit, parts.admissions.all), left)


def enter_all(audit: AuditDesk, cases: CaseDesk, giving: Giving, queries: QueryDesk) -> None:
    """Enter what is said here about cases, pages that are handed out, and summaries that go up, each before it has effect."""

    async def said(kind: Kind, fact: Fact) -> None:
        told = {key: str(fact.body[key])[:TEXT_CHARS_MAX] for key in kind.told if key in fact.body}
        await audit.note(AuditKind.CASE, fact.case_id, by=fact.by, detail={"kind": kind.name, "word": fact.word, **told})

    def handed_out(share: Share) -> None:
        detail: dict[str, Scalar | list[str] | list[int]] = {
            "request": share.case_id,
            "resource": share.resource,
            "rows": share.rows,
            "withheld": sum(share.withheld.values()),
            "sha256": share.sha256,
            "policy": share.policy[:16],
        }
        audit.note_blocking(AuditKind.PAGE, share.asker, by=share.by, detail=detail)

    cases.noting, giving.noting = said, handed_out
    queries.handlers[PULL_VERB] = _entered(audit, queries.handlers[PULL_VERB])


def enter_recalls(audit: AuditDesk, recalls: RecallDesk) -> None:
    """Enter each order before anything of it is erased here, and what came of it."""

    async def step(order: Order, word: str, counts: Mapping[str, int | str]) -> None:
        told: dict[str, Scalar | list[str] | list[int]] = {"step": word, "entry": order.entry.id, "issuer": order.issuer, **counts}
        await audit.note(AuditKind.RECALL, order.id[:TEXT_CHARS_MAX], by=order.issuer, detail=told)

    recalls.noting = step


def _entered(audit: AuditDesk, answer: Callable[[bytes], Awaitable[bytes]]) -> Callable[[bytes], Awaitable[bytes]]:
    async def summary(body: bytes) -> bytes:
        spec = decode_spec(body)
        given = await answer(body)
        await audit.note(AuditKind.SUMMARY, spec.resource, by="parent", detail={"bytes": len(given)})
        return given

    return summary


def _hear_of_policy(parts: Parts) -> None:
    spread = parts.policy.on_new

    def in_force() -> None:
        version = parts.policy.version
        epochs = [f"{issuer}={epoch}" for issuer, epoch in version.components]
        parts.audit.add(AuditKind.POLICY, version.digest.hex(), by="", detail={"epochs": epochs[:LIST_ITEMS_MAX]})
        spread()

    parts.policy.on_new = in_force
