"""A case as the local API and --json show it; what is the same for every kind. Called by the desks of the kinds."""

from __future__ import annotations

from typing import Any

from node.cases.kind import Case


def history_of(case: Case) -> list[dict[str, Any]]:
    """What was said about a case, oldest first, with why what did not count did not."""
    return [
        {
            "at_us": one.fact.place.at.wall_us,
            "fact": one.fact.word,
            "by": one.fact.by,
            "node": one.fact.origin,
            "why": one.fact.body.get("why", ""),
            "fault": one.fault,
        }
        for one in case.history
    ]
