"""The scores of sources: share of good records, tickets, disputes, time to correct. Pure. Called by the desk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from node.cases.kind import Case
from node.quality.kind import SOURCE, TICKET, Word, resource_of
from node.quality.store import WHOLE, Found, Key
from sync.model import MICROSECONDS

Plain = dict[str, Any]


def scores_of(figures: Mapping[Key, Found], tickets: Sequence[Case], *, resource: str, origin: str) -> list[Plain]:
    """One score for each resource and origin that has figures or tickets, of all or of one resource or origin."""
    rules: dict[tuple[str, str], dict[str, Found]] = defaultdict(dict)
    for (code, source, rule), found in figures.items():
        rules[code, source][rule] = found
    about: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in tickets:
        about[resource_of(case), case.parties[SOURCE].node].append(case)
    wanted = [pair for pair in sorted({*rules, *about}) if resource in ("", pair[0]) and origin in ("", pair[1])]
    return [_score(*pair, rules.get(pair, {}), about.get(pair, [])) for pair in wanted]


def _score(resource: str, origin: str, rules: Mapping[str, Found], tickets: Sequence[Case]) -> Plain:
    whole = rules.get(WHOLE, Found())
    live = [case for case in tickets if case.state not in TICKET.final]
    times = [time for case in tickets if (time := _time_to_correct_us(case)) is not None]
    return {
        "resource": resource,
        "origin": origin,
        "records": whole.judged,
        "bad": whole.bad,
        "good_share": 1.0 - whole.bad / whole.judged if whole.judged else None,
        "rules": {rule: _rule(found) for rule, found in rules.items() if rule != WHOLE},
        "tickets": len(tickets),
        "open": len(live),
        "disputed": sum(bool(_said(case, Word.DISPUTE)) for case in tickets),
        "disputes_upheld": sum(_is_upheld(case) for case in tickets),
        "wrong_corrections": sum(_was_wrong(case) for case in tickets),
        "correct_s": round(sum(times) / len(times) / MICROSECONDS, 1) if times else None,
    }


def _rule(found: Found) -> Plain:
    return {"judged": found.judged, "bad": found.bad, "unjudged": found.unjudged}


def _said(case: Case, word: Word) -> list[int]:
    """When a word that counted was said."""
    return [one.fact.place.at.wall_us for one in case.history if not one.fault and one.fact.word == word.value]


def _words(case: Case) -> list[tuple[str, str]]:
    return [(one.fact.word, one.fact.origin) for one in case.history if not one.fault]


def _is_upheld(case: Case) -> bool:
    """The source disputed the ticket and its holder closed it: the records were right."""
    words = _words(case)
    source = case.parties[SOURCE].node
    return any(first == (Word.DISPUTE.value, source) and then[0] == Word.CLOSE.value for first, then in pairwise(words))


def _was_wrong(case: Case) -> bool:
    """The holder disputed a correction and the source accepted that."""
    words = [word for word, _ in _words(case)]
    return any(
        (first, middle, last) == (Word.CORRECT.value, Word.DISPUTE.value, Word.ACCEPT.value)
        for first, middle, last in zip(words, words[1:], words[2:], strict=False)
    )


def _time_to_correct_us(case: Case) -> int | None:
    """From the opening to the last word that it is corrected, where a correction held; by the rules alone or by a person."""
    verified, corrected = _said(case, Word.VERIFY), _said(case, Word.CORRECT)
    return max(0, corrected[-1] - case.opened_us) if verified and corrected else None
