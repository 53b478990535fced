"""The case of one step that is said above the node of an incident: said, then taken or refused by that node, its keeper. Pure.

The record of an incident stays with its keeper: a step said above changes nothing until the keeper enters it as a row of its own. A case is
settled by the keeper's word, and without it when nobody took the step in time, or when its speaker said another one meanwhile; where the
keeper had taken it already, its word counts. Called by the register of cases and by step_desk.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from node.cases.fact import Fact
from node.cases.kind import Case, Kind, Step
from node.incidents.states import PERSONS_STEPS
from sync.model import MICROSECONDS

NAME, RESOURCE = "incident-step", "incident-steps"
SPEAKER, KEEPER = "speaker", "keeper"
BY_NODE = "yunnao"
"""Who says what a node finds by itself: no person."""
WAITS, APPLIED = "waits", "applied"
WAITS_US_MAX = 7 * 86_400 * MICROSECONDS
"""How long a step waits for its keeper: a judgement about a picture of last week is better made anew."""
ABOUT_CHARS_MAX = 128
_SLACK_US = 60 * MICROSECONDS
_STEPS = tuple(step.value for step in PERSONS_STEPS)
"""A tuple, because a peer may say anything here, also what has no hash."""


def _fault(case: Case | None, fact: Fact) -> str:
    if case is not None:
        return ""
    about, expires_us, at_us = fact.body.get("about"), fact.body.get("expires_us"), fact.place.at.wall_us
    if not isinstance(about, str) or len(about) > ABOUT_CHARS_MAX:
        return f"about is no text of at most {ABOUT_CHARS_MAX} characters"
    if fact.body.get("step") not in _STEPS:
        return f"step is none of {', '.join(_STEPS)}"
    if not all(isinstance(fact.body.get(key, ""), str) for key in ("seen", "why")):
        return "seen and why are texts"
    if not isinstance(expires_us, int) or isinstance(expires_us, bool):
        return "it does not say when it expires"
    if expires_us < at_us - _SLACK_US:
        return "it expires before it is said"
    return "" if expires_us <= at_us + WAITS_US_MAX + _SLACK_US else f"it may wait at most {WAITS_US_MAX // (86_400 * MICROSECONDS)} days"


def _due_us(case: Case) -> int | None:
    return expires_us_of(case) if case.state == WAITS else None


_KEEPER, _SPEAKER = frozenset({KEEPER}), frozenset({SPEAKER})
_APPLY = Step(APPLIED, _KEEPER)

STEP_CASE = Kind(
    name=NAME,
    resource=RESOURCE,
    opening="say",
    opener=SPEAKER,
    first=WAITS,
    named=(KEEPER,),
    needs=("about", "step", "expires_us"),
    steps={
        (WAITS, "apply"): _APPLY,
        (WAITS, "refuse"): Step("refused", _KEEPER, needs=("answer",)),
        (WAITS, "expire"): Step("expired", _KEEPER | _SPEAKER),
        (WAITS, "withdraw"): Step("withdrawn", _SPEAKER),
        ("expired", "apply"): _APPLY,
        ("withdrawn", "apply"): _APPLY,
    },
    final=frozenset({APPLIED, "refused", "expired", "withdrawn"}),
    check=_fault,
    clock=_due_us,
    told=("about", "step", "said_by", "said_at"),
)


def expires_us_of(case: Case) -> int:
    """Until when the keeper may take it."""
    expires_us = case.opening.body["expires_us"]
    assert isinstance(expires_us, int), "the fold takes no other"
    return expires_us


def said_of(case: Case) -> Mapping[str, str]:
    """`about`, `step`, `seen` and `why` as they were said, from the opening fact alone."""
    body = case.opening.body
    return {key: str(body.get(key, "")) for key in ("about", "step", "seen", "why")}
