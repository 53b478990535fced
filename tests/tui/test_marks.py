"""States: never better than their age, always with a mark and a word."""

from __future__ import annotations

import pytest

from tui.marks import STALE_AFTER_S, State, badge
from tui.palette import PALETTES
from tui.words import Words


@pytest.mark.parametrize(
    ("word", "age_s", "answered"),
    [("OK", STALE_AFTER_S + 0.1, True), ("OK", None, True), ("OK", 0.1, False), ("GREAT", 0.1, True), ("", 0.1, True)],
)
def test_what_is_old_unanswered_or_unknown_is_stale(word: str, age_s: float | None, *, answered: bool) -> None:
    assert State.of(word, age_s, answered=answered) is State.STALE


def test_a_fresh_claim_stands() -> None:
    assert State.of("WARN", STALE_AFTER_S, answered=True) is State.WARN


@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
def test_states_differ_by_mark_word_and_colour_in_every_palette(palette: object) -> None:
    chosen = next(known for known in PALETTES.values() if known is palette)
    badges = [badge(state, Words("en"), chosen) for state in State]
    assert len({shown.plain[0] for shown in badges}) == len(State)
    assert len({shown.plain[2:] for shown in badges}) == len(State)
    assert len({state.colour(chosen) for state in State}) == len(State)
