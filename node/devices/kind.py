"""The case of one command to a device: issued, queued at the node where the device is, handed over, answered. Pure.

Whoever issues it may be that node or one above; the node where the device is, its keeper, says everything else. A command that expired, was
withdrawn or answered is settled; what the device says later changes nothing. Called by the register of cases and
by the desk of the commands.
"""

from __future__ import annotations

from collections.abc import Mapping

from node.cases.fact import Fact
from node.cases.kind import Case, Kind, Step
from sync.model import MICROSECONDS

NAME = "command"
RESOURCE = "device-commands"
ISSUER, KEEPER = "issuer", "keeper"
BY_NODE = "yunnao"
"""Who says what a node finds by itself: no person."""
EXPIRES_S_MAX = 30 * 86_400
"""How long a command may wait at most."""
DEVICE_CHARS_MAX, NAME_CHARS_MAX = 256, 64
ANSWERS: Mapping[str, str] = {"done": "done", "refused": "refuse", "failed": "fail"}
"""What a device answers, and the fact that it becomes."""
OPEN_STATES = frozenset({"issued", "queued", "handed"})


def _fault(case: Case | None, fact: Fact) -> str:
    if case is not None:
        return ""
    body = fact.body
    for key, chars_max in (("device", DEVICE_CHARS_MAX), ("command", NAME_CHARS_MAX)):
        value = body.get(key)
        if not isinstance(value, str) or len(value) > chars_max:
            return f"{key} is no text of at most {chars_max} characters"
    if not isinstance(body.get("arguments", {}), dict):
        return "arguments are no table"
    expires_us, at_us = body.get("expires_us"), fact.place.at.wall_us
    if not isinstance(expires_us, int) or isinstance(expires_us, bool) or not at_us - MICROSECONDS <= expires_us:
        return "it expires before it is issued"
    return "" if expires_us <= at_us + (EXPIRES_S_MAX + 60) * MICROSECONDS else f"it may wait at most {EXPIRES_S_MAX // 86_400} days"


def _due_us(case: Case) -> int | None:
    expires_us = case.opening.body.get("expires_us")
    return expires_us if case.state in OPEN_STATES and isinstance(expires_us, int) else None


_KEEPER, _ISSUER = frozenset({KEEPER}), frozenset({ISSUER})
_WHY = ("why",)

COMMAND = Kind(
    name=NAME,
    resource=RESOURCE,
    opening="issue",
    opener=ISSUER,
    first="issued",
    named=(KEEPER,),
    needs=("device", "command", "expires_us"),
    steps={
        ("issued", "queue"): Step("queued", _KEEPER),
        ("issued", "refuse"): Step("refused", _KEEPER, needs=_WHY),
        ("issued", "expire"): Step("expired", _KEEPER | _ISSUER),
        ("issued", "withdraw"): Step("withdrawn", _ISSUER),
        ("queued", "hand"): Step("handed", _KEEPER),
        ("queued", "done"): Step("done", _KEEPER),
        ("queued", "refuse"): Step("refused", _KEEPER, needs=_WHY),
        ("queued", "fail"): Step("failed", _KEEPER),
        ("queued", "expire"): Step("expired", _KEEPER),
        ("queued", "withdraw"): Step("withdrawn", _ISSUER),
        ("handed", "done"): Step("done", _KEEPER),
        ("handed", "refuse"): Step("refused", _KEEPER, needs=_WHY),
        ("handed", "fail"): Step("failed", _KEEPER),
        ("handed", "expire"): Step("expired", _KEEPER),
    },
    final=frozenset({"done", "refused", "failed", "expired", "withdrawn"}),
    check=_fault,
    clock=_due_us,
    told=("device", "command", "result"),
)


def device_of(case: Case) -> str:
    """The device that a command is for; from the opening fact alone, as is everything that was asked for."""
    return str(case.opening.body.get("device", ""))
