"""Masks: idempotent, safe for Chinese, never weaker on what is masked already."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import BundleError, KeyRing
from policies.arrow import Column, indices_of, words_of
from policies.masks import REDACT, REDACTED, WITHHOLD, Mask, Method, TokenTable, apply_mask

RING = KeyRing({"k1": b"one" * 11, "k2": b"two" * 11})
PARTIAL = Mask(Method.PARTIAL, head=1)
TOKEN = Mask(Method.PSEUDONYM, key="k1")
TEXT_MASKS = [PARTIAL, Mask(Method.PARTIAL, head=3, tail=2), TOKEN, REDACT, WITHHOLD]


def words(*values: str | None) -> Column:
    return pa.array(values, pa.string()).dictionary_encode()


def masked(column: Column, mask: Mask) -> list[object]:
    return list(apply_mask(column, mask, TokenTable(RING)).to_pylist())


def test_names_keep_their_first_character_whatever_its_width() -> None:
    assert masked(words("周某某", "欧阳某", "𠮷野", "李", "", None), PARTIAL) == ["周**", "欧**", "𠮷*", "*", "", None]


def test_a_short_value_is_never_shown_whole() -> None:
    assert masked(words("12345", "1234", "1"), Mask(Method.PARTIAL, head=3, tail=2)) == ["1****", "1***", "*"]


def test_tokens_are_equal_for_equal_values_and_differ_by_key() -> None:
    first = masked(words("a", "b", "a"), TOKEN)
    assert first[0] == first[2] != first[1]
    assert masked(words("a"), Mask(Method.PSEUDONYM, key="k2")) != first[:1]


def test_without_its_key_a_pseudonym_is_redacted_and_tokens_stay() -> None:
    token = masked(words("a"), TOKEN)[0]
    assert masked(words("a", str(token)), Mask(Method.PSEUDONYM, key="missing")) == ["***", token]


def test_numbers_and_times_are_floored() -> None:
    assert masked(pa.array([1815, -3, None], pa.int32()), Mask(Method.GENERALISE, width=10)) == [1810, -10, None]
    day = apply_mask(pa.array([86_400_000_001], pa.timestamp("us", "UTC")), Mask(Method.GENERALISE, unit="day"), TokenTable(RING))
    assert day.cast(pa.int64()).to_pylist() == [86_400_000_000]


def test_coordinates_fall_into_a_grid_and_stay_there() -> None:
    grid = Mask(Method.GENERALISE, width=0.001)
    once = apply_mask(pa.array([120.38264, 36.0671]), grid, TokenTable(RING))
    assert once.to_pylist() == pytest.approx([120.382, 36.067])
    assert apply_mask(once, grid, TokenTable(RING)).equals(once)


def test_a_dictionary_column_keeps_its_indices() -> None:
    column = words("周某某", "李某", "周某某")
    assert apply_mask(column, PARTIAL, TokenTable(RING)).indices.equals(column.indices)  # type: ignore[attr-defined]


@pytest.mark.slow
@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.one_of(st.none(), st.text(max_size=8)), max_size=6), st.sampled_from(TEXT_MASKS), st.sampled_from(TEXT_MASKS))
def test_masking_again_changes_nothing_and_a_weaker_mask_never_loosens(values: list[str | None], mask: Mask, weaker: Mask) -> None:
    tokens = TokenTable(RING)
    once = apply_mask(words(*values), mask, tokens)
    assert apply_mask(once, mask, tokens).to_pylist() == once.to_pylist()
    if weaker.method < mask.method and mask.method >= Method.PSEUDONYM:
        assert apply_mask(once, weaker, tokens).to_pylist() == once.to_pylist()


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ({"method": "blur"}, "not one of"),
        ({"method": "pseudonym"}, "needs the id of its key"),
        ({"method": "partial"}, "needs head"),
        ({"method": "generalise", "unit": "week"}, "not one of hour"),
        ({"method": "redact", "strength": 9}, "unknown key strength"),
    ],
)
def test_a_profile_that_masks_nothing_is_refused(value: dict[str, object], word: str) -> None:
    with pytest.raises(BundleError, match=word):
        Mask.of(value, "mask")


def test_words_that_are_masked_already_come_back_as_they_are_without_a_new_token() -> None:
    tokens = TokenTable(RING)
    once = apply_mask(words("air-1", "air-2", "air-1"), TOKEN, tokens)
    assert apply_mask(once, TOKEN, tokens) is once
    assert apply_mask(words(REDACTED, None, "air-1"), TOKEN, tokens).to_pylist()[:2] == [REDACTED, None]


def test_dictionaries_that_come_again_are_masked_as_before_and_not_made_anew() -> None:
    tokens = TokenTable(RING)
    made = [tokens.masked_words(pa.array(["air-1", "air-2"]), TOKEN) for _ in range(3)]
    assert made[1] is made[2]
    assert made[0].words.equals(made[2].words)
    assert tokens.masked_words(pa.array(["air-1", "air-2"]), PARTIAL).words.to_pylist() == ["a****"]
    assert tokens.masked_words(pa.array(["air-1", "air-3"]), TOKEN).words.to_pylist() != made[2].words.to_pylist()


def test_dictionaries_of_one_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policies.masks.text_hash", lambda words: 7)
    tokens = TokenTable(RING)
    for name in ("周某某", "吴某某", "周某某", "吴某某"):
        assert tokens.masked_words(pa.array([name]), PARTIAL).words.to_pylist() == [f"{name[0]}**"]


def test_a_remembered_dictionary_keeps_no_payload_in_memory() -> None:
    tokens, payload = TokenTable(RING), pa.array([f"word-{number}" for number in range(1_000)])
    made = [tokens.masked_words(payload.slice(0, 2), REDACT) for _ in range(3)]
    assert made[1] is made[2]
    assert sum(buffer.size for buffer in made[2].known.buffers() if buffer is not None) < 200 < payload.nbytes


def test_the_memo_of_dictionaries_is_bounded_and_a_full_one_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policies.masks.WORDS_MEMO_MAX", 4)
    tokens = TokenTable(RING)
    for number in [*range(20), *range(20)]:
        name = f"p-{number}"
        assert apply_mask(words(name, "x"), TOKEN, tokens).to_pylist() == masked(words(name, "x"), TOKEN)


def test_values_that_a_mask_makes_equal_share_one_word_and_one_index() -> None:
    """Two words for one shown value would be two pseudonyms."""
    names = [f"周某{number}" for number in range(5)]
    column = apply_mask(words(*names, *names), PARTIAL, TokenTable(RING))
    assert (words_of(column).to_pylist(), set(indices_of(column).to_pylist())) == (["周**"], {0})


def test_a_pseudonym_that_came_and_one_that_is_minted_for_the_same_value_are_one_word() -> None:
    minted = str(masked(words("a"), TOKEN)[0])
    column = apply_mask(words(minted, "a", "b"), TOKEN, TokenTable(RING))
    assert (len(words_of(column)), column.to_pylist()[0]) == (2, column.to_pylist()[1])
