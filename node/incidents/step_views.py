"""Steps from above as the API and --json show them. Called by api.py; pure."""

from __future__ import annotations

from typing import Any

from node.cases.kind import Case
from node.incidents.book import Known
from node.incidents.step_case import KEEPER, SPEAKER, STEP_CASE, expires_us_of, said_of
from sync.model import MICROSECONDS

Plain = dict[str, Any]
NEWS_US = 3 * 86_400 * MICROSECONDS
"""How long a step that came to nothing is shown in the list of incidents; beside its incident it always is."""


def line_of(case: Case) -> Plain:
    """A step with what became of it."""
    said, opening = said_of(case), case.opening
    answer = next((str(one.fact.body.get("answer", "")) for one in reversed(case.history) if not one.fault and one.fact is not opening), "")
    return {
        "case": case.id,
        "about": said["about"],
        "step": said["step"],
        "by": opening.by,
        "why": said["why"],
        "said_at": case.parties[SPEAKER].node,
        "keeper": case.parties[KEEPER].node,
        "time_us": case.opened_us,
        "state": case.state,
        "since_us": case.since_us,
        "expires_us": expires_us_of(case),
        "answer": answer,
    }


def is_news(case: Case, known: Known, now_us: int) -> bool:
    """True for a step that waits, or that lately came to nothing while the incident stayed: whoever looks at the list must see it."""
    is_unheard = case.state in ("refused", "expired") and known.state_us <= case.since_us
    return case.state not in STEP_CASE.final or (is_unheard and now_us < case.since_us + NEWS_US)
