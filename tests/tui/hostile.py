"""Values that a hostile node, sensor or camera might send, and answers with one of them in every text field."""

from __future__ import annotations

from tests.tui.fake_node import file_answer

HOSTILE = (
    "[@click=app.quit]incident[/] cam [/x] [bold red]x[/bold red][link=http://x]",
    "\x1b[31mred\x1b[0m\x1b]0;title\x07\x9b2J",
    "\u202egnp.exe\u2066\u2069 a\u200bb\u200dc\ufeffd\u00ade z\u0300\u0301\u0302",
    "\U0001f600\U0001f1e8\U0001f1f3\U0001f469\u200d\U0001f4bb\u2764\ufe0f line\nbreak\r\ttab\x00nul",
    "n" * 10_000,
    "\u5e02" * 10_000,
    "",
)

VERBS = (
    "tree",
    "status",
    "events",
    "incidents",
    "devices",
    "sensor_alarms",
    "sensor_alarms_below",
    "rule_verdicts",
    "camera_directory",
    "resources",
    "specimen",
    "explain",
    "evidence",
    "entry_list",
    "entry_show",
    "entry_register",
    *(f"{name}_{word}" for name in ("recall", "regrade", "emergency", "review", "request") for word in ("list", "show")),
    "quality_tickets",
    "quality_show",
    "quality_scores",
    "returns",
    "audit_log",
    "audit_verify",
    "algorithm_list",
    "algorithm_show",
    "algorithm_heard",
)
_KEYS = frozenset({"self", "id", "parent", "code", "event_id", "incident_id", "device", "camera", "case", "content"})
_KEPT = _KEYS | {"thumb_rgb", "evidence_sha256", "where"}
"""Fields that must keep their value, so that pages can be opened; their hostile forms have tests of their own."""


def poisoned(verb: str, poison: str) -> dict[str, object]:
    """The fixture's answer to `verb` with `poison` in every text field that is no key."""
    return {name: value if name in _KEPT else _poison(value, poison) for name, value in file_answer(verb, {}).items()}


def _poison(value: object, poison: str) -> object:
    if isinstance(value, str):
        return poison
    if isinstance(value, list):
        return [_poison(item, poison) for item in value]
    if isinstance(value, dict):
        return {name: item if name in _KEPT else _poison(item, poison) for name, item in value.items()}
    return value
