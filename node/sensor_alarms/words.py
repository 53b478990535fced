"""An alarm as a sentence. Called by `yunnao alarm` and by the console."""

from __future__ import annotations

from collections.abc import Mapping

from node.texts import catalogue, text

MISSING = "?"


def why(kind: object, value: object, facts: object, language: str) -> str:
    """What raised an alarm, with its numbers; a fact that the node does not give is a question mark, a kind that nobody knows itself."""
    template = catalogue(language).get(f"alarm.why_{kind}")
    if template is None:
        return str(kind)
    numbers = {name: _said(number, language) for name, number in facts.items()} if isinstance(facts, Mapping) else {}
    return template.format_map(_Facts({**numbers, "value": _said(value, language)}))


class _Facts(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return MISSING


def _said(fact: object, language: str) -> str:
    if isinstance(fact, Mapping):
        return ", ".join(f"{name} {share:.0%}" for name, share in fact.items() if isinstance(share, float | int))
    if fact is None:
        return text("alarm.no_bound", language)
    return f"{fact:.4g}" if isinstance(fact, float | int) else str(fact)
