"""Ages, numbers and terms in table-cell size."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from node.texts import catalogue
from tui.words import WHOLE_CHARACTERS_MAX, Words

EN, ZH = Words("en"), Words("zh")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "-"),
        (float("nan"), "-"),
        (-3.0, "0.0s"),
        (0.42, "0.4s"),
        (9.96, "9s"),
        (61, "1m"),
        (7_300, "2h"),
        (90_000, "1d"),
        (9e9, ">99d"),
    ],
)
def test_ages_are_short(seconds: float | None, shown: str) -> None:
    assert EN.age(seconds) == shown


@given(st.floats(min_value=0, max_value=1e12))
def test_ages_fit_their_column(seconds: float) -> None:
    assert cell_len(ZH.age(seconds)) <= 5


@given(st.integers(0, 10**15))
def test_compact_counts_have_at_most_four_characters(value: int) -> None:
    assert len(EN.compact(value)) <= 4


@pytest.mark.parametrize(
    ("value", "shown"), [(999, "999"), (1_000, "1.0k"), (9_999, "9.9k"), (34_567, "34k"), (5_600_000, "5.6M"), (None, "-")]
)
def test_compact_counts_never_round_up(value: int | None, shown: str) -> None:
    assert EN.compact(value) == shown


def test_an_absurd_time_is_a_dash() -> None:
    assert EN.time(10**30) == "-"


def test_a_state_word_is_known_with_and_without_its_area() -> None:
    assert EN.state_word("state.no_uplink") == EN.state_word("no_uplink")
    assert EN.state_word("\x1bnew")[0] == "?new"


def test_a_reason_takes_its_values_and_a_missing_one_is_a_dash() -> None:
    assert EN.reason("step", "standing-purpose", {"purpose": "{x}[/]"}) == "standing purpose {x}[/]"
    assert EN.reason("step", "standing-purpose", {}) == "standing purpose -"


def test_a_brief_reason_falls_back_to_the_whole_one_and_then_to_the_code() -> None:
    assert EN.brief_for("ceiling", "mask") == "ceiling table: identifiers masked"
    assert EN.brief_for("no-grant", "hold") == EN.reason_for("no-grant", "hold") == "there is no grant"
    assert EN.brief_for("\x1bnew", "hold") == "?new"


AREAS = sorted({key.partition(".")[0] for language in ("zh", "en") for key in catalogue(language)})


@pytest.mark.parametrize("area", AREAS)
def test_both_languages_have_the_same_keys_and_places(area: str) -> None:
    places = {
        language: {key: sorted(re.findall(r"{(\w+)}", value)) for key, value in catalogue(language).items() if key.startswith(f"{area}.")}
        for language in ("zh", "en")
    }
    assert places["zh"] == places["en"]


def test_english_texts_are_ascii() -> None:
    assert all(value.isascii() for key, value in catalogue("en").items() if key.startswith(("console.", "state.")))


def test_every_state_word_is_explained() -> None:
    keys = {key for key in catalogue("en") if key.startswith("state.")}
    assert all(f"{key}_why" in keys for key in keys if not key.endswith("_why"))


def test_a_long_text_is_whole_up_to_its_bound_and_ends_in_a_mark_beyond() -> None:
    assert ZH.whole("法" * WHOLE_CHARACTERS_MAX) == "法" * WHOLE_CHARACTERS_MAX
    assert ZH.whole("法" * (WHOLE_CHARACTERS_MAX + 1)) == "法" * WHOLE_CHARACTERS_MAX + "~"
    assert EN.whole("a" * 999 + "\x1b[31m") == "a" * 999 + "?[31m"


def test_a_text_of_another_area_is_shared_and_a_missing_one_is_its_word_made_safe() -> None:
    assert EN.shared("entry.overdue", state="reviewed") == "reviewed, overdue"
    assert EN.shared("entry.state_\x1bodd") == "?odd"
