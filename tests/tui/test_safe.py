"""What a foreign value may do on the screen: nothing but stand there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from tests.tui.hostile import HOSTILE
from tui.safe import VALUE_CHARACTERS_MAX, clean, cut, fit, safe, wrapped


@pytest.mark.parametrize("value", HOSTILE)
def test_clean_leaves_no_control_or_invisible_character(value: str) -> None:
    assert all(character.isprintable() and cell_len(character) in (1, 2) for character in clean(value))


@pytest.mark.parametrize("value", HOSTILE)
def test_clean_in_ascii_mode_is_ascii(value: str) -> None:
    assert clean(value, ascii_only=True).isascii()


def test_markup_stays_as_it_was_written() -> None:
    assert safe("[@click=app.quit]x[/]").plain == "[@click=app.quit]x[/]"
    assert safe("[@click=app.quit]x[/]").spans == []


def test_bidirectional_overrides_become_question_marks() -> None:
    assert clean("a\u202eb\u2066c") == "a?b?c"


def test_a_long_value_is_read_only_to_its_limit() -> None:
    assert len(clean("x" * 100_000)) == VALUE_CHARACTERS_MAX


def test_none_is_empty() -> None:
    assert clean(None) == ""


@given(st.text(max_size=80), st.integers(0, 40))
def test_fit_always_takes_exactly_its_cells(value: str, cells: int) -> None:
    assert cell_len(fit(safe(value), cells).plain) == cells


def test_fit_cuts_han_text_by_cells_and_marks_the_cut() -> None:
    assert fit(Text("市南区市南区"), 7).plain == "市南区~"


def test_cut_to_no_room_is_empty() -> None:
    assert cut("abc", 0) == ""


@given(st.text(max_size=200), st.integers(8, 60))
def test_wrapped_lines_never_exceed_their_cells(value: str, cells: int) -> None:
    assert all(cell_len(line) <= cells for line in wrapped(clean(value), cells))


def test_wrapped_breaks_words_at_spaces_and_han_anywhere() -> None:
    assert wrapped("hello world of things", 12) == ["hello world", "of things"]
    assert wrapped("摄像头没有画面", 8) == ["摄像头没", "有画面"]
