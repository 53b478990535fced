"""How often a rule was right, in two lines of a page: the count, and what would have kept false alarms away.

Counts and suggestions are the node's (`rule_verdicts`); it knows them of its own cameras alone. Called by the pages of events, incidents,
cameras and rules.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from rich.text import Text

from tui.camera_answers import RuleVerdict, Suggestion
from tui.desk import Desk
from tui.feed import Question
from tui.pages.detail_page import DetailPage
from tui.questions import rule_verdicts

Rule = tuple[str, str]
"""A camera of the answering node, and the name of a rule of it."""


def rule_questions(rule: Rule | None) -> Sequence[Question[Struct]]:
    """What to ask about a rule of this node."""
    return () if rule is None else (rule_verdicts(*rule),)


def verdict_of(desk: Desk, rule: Rule) -> RuleVerdict | None:
    """What is known of a rule; None before the answer, and of a rule without events in these days."""
    seen = desk.seen(rule_verdicts(*rule)).value
    return next(iter(seen.rules), None) if seen else None


def verdict_fields(page: DetailPage, rule: Rule | None) -> list[Text]:
    """The count, and the first suggestion where there is one; of a rule of another node only where it is counted."""
    words, palette = page.desk.words, page.desk.palette
    if rule is None:
        return [page.field("rule_right", words("verdict_elsewhere"), palette.dim)]
    seen, verdict = page.desk.seen(rule_verdicts(*rule)).value, verdict_of(page.desk, rule)
    if seen is None:
        return []
    if verdict is None or not verdict.true + verdict.false:
        return [page.field("rule_right", words("verdict_unjudged", days=seen.days))]
    count = words("verdict_count", false=verdict.false, judged=verdict.true + verdict.false, days=seen.days)
    lines = [page.field("rule_right", count, palette.warn if verdict.false > verdict.true else "")]
    if verdict.suggestions:
        lines.append(page.field("suggestion", suggestion_words(page.desk, verdict.suggestions[0]), f"bold {palette.warn}"))
    return lines


def suggestion_words(desk: Desk, suggestion: Suggestion) -> str:
    """A suggestion in a few words; one of a key that this console does not know, as the node wrote it."""
    words = desk.words
    brief = words.reason("suggest", suggestion.key, {"then": suggestion.then})
    return brief if brief != words.value(suggestion.key) else words.value(f"{suggestion.key} = {suggestion.then}")
