"""Commands as the API and --json show them. Called by api.py; blocking."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from node.cases.desk import CaseDesk
from node.cases.kind import Case
from node.cases.views import history_of
from node.devices.errors import CommandUnknown
from node.devices.kind import COMMAND, ISSUER, KEEPER, OPEN_STATES, device_of

Plain = dict[str, Any]


def listed(cases: CaseDesk, *, states: Collection[str], limit: int) -> list[Plain]:
    """The newest commands."""
    return [line_of(case) for case in cases.register.cases(COMMAND, states=states, limit=limit)]


def named(cases: CaseDesk, ids: Sequence[str], *, states: Collection[str]) -> list[Plain]:
    """Commands by their ids, in some states or in all."""
    found = [cases.register.case(COMMAND, case_id) for case_id in ids]
    return [line_of(case) for case in found if case is not None and (not states or case.state in states)]


def shown(cases: CaseDesk, case_id: str) -> Plain:
    """One command with its history. Raises CommandUnknown."""
    case = cases.register.case(COMMAND, case_id)
    if case is None:
        raise CommandUnknown(case_id)
    return line_of(case) | {"history": history_of(case)}


def line_of(case: Case) -> Plain:
    """A command in a list."""
    issue = case.opening
    body = issue.body
    end = case.history[-1].fact if case.state not in OPEN_STATES else None
    return {
        "id": case.id,
        "state": case.state,
        "device": device_of(case),
        "command": body.get("command"),
        "arguments": body.get("arguments", {}),
        "by": issue.by,
        "issuer": case.parties[ISSUER].node,
        "node": case.parties[KEEPER].node,
        "issued_us": case.opened_us,
        "since_us": case.since_us,
        "expires_us": body.get("expires_us"),
        "why": str(end.body.get("why", "")) if end is not None else "",
    }
