"""Partial masks over whole dictionaries: what a plain loop over characters makes of each word, at any width and place in its buffers."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.stars import starred


def plainly(word: str, head: int, tail: int) -> str:
    if len(word) <= head + tail:
        return word[: min(1, max(len(word) - 1, 0))] + "*" * (len(word) - min(1, max(len(word) - 1, 0)))
    return word[:head] + "*" * (len(word) - head - tail) + word[len(word) - tail :]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(st.text(max_size=12), max_size=8), st.integers(0, 5), st.integers(0, 4), st.integers(0, 3))
def test_every_word_is_starred_as_a_loop_over_its_characters_would(words: list[str], head: int, tail: int, skipped: int) -> None:
    column = pa.array(["前", "xy", "🙂z", *words], pa.string()).slice(skipped)
    assert starred(column, head=head, tail=tail).to_pylist() == [plainly(str(word), head, tail) for word in column.to_pylist()]


@pytest.mark.parametrize(("head", "tail"), [(6, 0), (3, 2), (0, 0), (11, 0), (12, 3)])
def test_words_of_one_width_are_starred_like_any_others(head: int, tail: int) -> None:
    phones = [f"1000000{number:04d}" for number in range(40)]
    masked = starred(pa.array(phones), head=head, tail=tail)
    masked.validate(full=True)
    assert masked.to_pylist() == [plainly(phone, head, tail) for phone in phones]
