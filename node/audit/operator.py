"""Which verbs of the local API are entered in the audit log before they are answered: what an operator changes, and what leaves as a file.

Owns the table: what of the arguments the entry names. Never a value of a record, a secret or a text that somebody wrote freely; of a list
the count. What is said about cases the desk of the cases enters itself (wiring.py). Called by node/api.py for every verb.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from node.audit.desk import AuditDesk
from node.audit.entry import TEXT_CHARS_MAX, Scalar
from node.audit.words import AuditKind
from node.errors import NodeError
from policies.errors import PolicyError
from sync.model import SyncError

NOBODY = "operator"
"""Who acts where the verb asks for no name: whoever may open the node's socket."""

Plain = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Noted:
    """What the entry of a verb says."""

    kind: AuditKind
    subject: str = ""
    """The argument that names what it is about; of a list the number of items."""
    detail: tuple[str, ...] = ()
    """Arguments that the entry repeats."""


VERBS: Mapping[str, Noted] = {
    "token_create": Noted(AuditKind.OPERATOR, "territory", ("level", "auto_accept")),
    "admit": Noted(AuditKind.OPERATOR, "node", ("accept",)),
    "device_admit": Noted(AuditKind.OPERATOR, "device", ("accept",)),
    "device_retire": Noted(AuditKind.OPERATOR, "device"),
    "device_import": Noted(AuditKind.OPERATOR, "devices", ("dry_run",)),
    "device_command": Noted(AuditKind.OPERATOR, "device", ("name", "node")),
    "device_command_withdraw": Noted(AuditKind.OPERATOR, "id"),
    "quarantine_decide": Noted(AuditKind.OPERATOR, "id", ("decision",)),
    "attach": Noted(AuditKind.OPERATOR, "node", ("old", "new")),
    "attach_order": Noted(AuditKind.OPERATOR),
    "bundle_export": Noted(AuditKind.EXPORT, "peer"),
    "bundle_receipt_write": Noted(AuditKind.EXPORT, "peer"),
    "bundle_import": Noted(AuditKind.OPERATOR, "paths"),
    "bundle_receipt": Noted(AuditKind.OPERATOR),
    "trace_record": Noted(AuditKind.EXPORT),
    "catalogue_import": Noted(AuditKind.OPERATOR, "entries", ("source",)),
    "catalogue_drop": Noted(AuditKind.OPERATOR, "codes"),
    "catalogue_withdraw": Noted(AuditKind.OPERATOR, "codes"),
    "catalogue_issue": Noted(AuditKind.OPERATOR),
    "classify_decide": Noted(AuditKind.OPERATOR, "ids", ("accept", "grade", "role", "category", "mask")),
    "camera_view_begin": Noted(AuditKind.QUERY, "camera", ("node", "request", "unmasked", "why")),
    "evidence_export": Noted(AuditKind.EXPORT, "id", ("form",)),
    "evidence_drop": Noted(AuditKind.OPERATOR, "id"),
    "evidence_fetch": Noted(AuditKind.OPERATOR, "id", ("picture", "form")),
    "rule_change": Noted(AuditKind.OPERATOR, "camera", ("rule", "key", "then")),
    "incident_step": Noted(AuditKind.OPERATOR, "id", ("step",)),
    "request_fetch": Noted(AuditKind.OPERATOR, "id"),
    "summary": Noted(AuditKind.QUERY, "resource", ("from_us", "to_us")),
    "verify": Noted(AuditKind.QUERY, "at", ("resource", "key", "field", "purpose", "request")),
    "regrade_propose": Noted(AuditKind.RECLASS, "resource", ("grade", "raises")),
    "regrade_decide": Noted(AuditKind.RECLASS, "id", ("fact",)),
    "emergency_open": Noted(AuditKind.BREAK_GLASS, "provider", ("resource", "hours", "purpose")),
    "emergency_approve": Noted(AuditKind.BREAK_GLASS, "id"),
    "review_decide": Noted(AuditKind.OPERATOR, "id", ("fact",)),
    "territory_issue": Noted(AuditKind.OPERATOR, "changes"),
    "territory_drop": Noted(AuditKind.OPERATOR, "old", ("from_us",)),
    "scale_set": Noted(AuditKind.OPERATOR, "resource", ("persons",)),
    "emergency_say": Noted(AuditKind.BREAK_GLASS, "id", ("fact",)),
    "quality_report": Noted(AuditKind.QUALITY, "resource", ("source",)),
    "quality_decide": Noted(AuditKind.QUALITY, "id", ("fact",)),
    "quality_rules": Noted(AuditKind.OPERATOR, "resource"),
}
"""By verb of the API."""


async def noted(desk: AuditDesk, verb: str, act: Callable[[Any], Awaitable[Plain]], arguments: object) -> Plain:
    """Do what a verb does, after its entry is durable. A refusal gets an entry too. Raises AuditRefused, and whatever `act` raises."""
    known = VERBS.get(verb)
    if known is None:
        return await act(arguments)
    by = _short(getattr(arguments, "by", "") or NOBODY)
    subject = str(_plain(getattr(arguments, known.subject))) if known.subject else verb
    told = {name: _plain(getattr(arguments, name)) for name in known.detail if getattr(arguments, name) is not None}
    seq = await desk.note(known.kind, subject, by=by, detail={"verb": verb, **told})
    try:
        return await act(arguments)
    except (SyncError, PolicyError, NodeError):
        desk.add(known.kind, subject, by=by, detail={"verb": verb, "refused": seq})
        raise


def _plain(value: object) -> Scalar:
    if isinstance(value, bool | int):
        return value
    return len(value) if isinstance(value, list | dict) else _short(str(value))


def _short(text: str) -> str:
    return text[:TEXT_CHARS_MAX]
