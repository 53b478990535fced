"""An explanation of one record in sentences, in the reader's language. Called by policy.py; owns no rule, only how codes are worded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from node.texts import text
from node.verbs.output import list_of, moment_text, table_of

Plain = Mapping[str, object]


def sentences(answer: Plain, language: str) -> Iterator[str]:
    """What an answer of the API's `explain` about a record says, most important first."""
    target = table_of(answer.get("to"))
    where = text(f"explain.way_{target.get('direction')}", language, node=target.get("node"), level=_level(target, language),
                 distance=target.get("distance"))  # fmt: skip
    outcome = str(answer.get("outcome"))
    yield text(f"explain.outcome_{outcome}", language, record=answer.get("record"), where=where)
    if outcome == "not-here":
        yield text("explain.gone", language, state=answer.get("state"), decider=answer.get("decider") or "-", why=_reason(answer, language))
        return
    if outcome == "elsewhere":
        yield text(f"explain.elsewhere_{answer.get('reason')}", language, node=target.get("node"))
        return
    decided = table_of(answer.get("decided"))
    yield text("explain.decided", language, rule=text(f"policy.rule_{decided.get('rule')}", language), step=_step(decided, language))
    yield from _basis(decided, language)
    for column in list_of(answer.get("columns")):
        method = text(f"policy.method_{column.get('method')}", language)
        yield text("explain.column", language, name=column.get("name"), method=method, why=_reason(column, language))
    if release := answer.get("release"):
        yield text(f"explain.release_{release}", language)


def _basis(step: Plain, language: str) -> Iterator[str]:
    """The law behind an entry, until when it holds, and where one may appeal."""
    basis, values = table_of(step.get("basis")), table_of(step.get("values"))
    if basis:
        given = {name: basis.get(name, "-") for name in ("instrument", "article", "quote")}
        yield text("explain.basis", language, **given)
    if values.get("valid_to_us"):
        yield text("explain.until", language, until=moment_text(int(str(values["valid_to_us"]))))
    if values.get("appeal"):
        yield text("explain.appeal", language, appeal=values["appeal"])


def _step(step: Plain, language: str) -> str:
    values = table_of(step.get("values"))
    known = {name: values.get(name, "-") for name in ("entry", "instrument", "article", "grade", "purpose", "k", "request")}
    return text(f"policy.step_{step.get('reason')}", language, **known)


def _reason(holder: Plain, language: str) -> str:
    reason = holder.get("reason")
    return text(f"policy.reason_{reason}", language) if reason in REASONS else str(reason or "-")


def _level(target: Plain, language: str) -> str:
    return text(f"console.level_{target.get('level')}", language)


REASONS = frozenset(
    {
        "default", "ceiling", "no-grant", "unclassified", "stale-policy", "provisional-hold", "negative-list", "legal-floor", "old-peer",
        "not-addressed", "foster-parent",
    }
)  # fmt: skip
"""Reason classes that have a text; others are shown as they travel."""
