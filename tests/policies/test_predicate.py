"""Row predicates: what is allowed, what is refused and where, and unknown as a match."""

from __future__ import annotations

import pyarrow as pa
import pytest

from policies import PredicateError
from policies.predicate import TEXT_CHARS_MAX, compile_predicate

SCHEMA = pa.schema(
    [
        ("word", pa.dictionary(pa.int32(), pa.string())),
        ("number", pa.int32()),
        ("at", pa.timestamp("us", "UTC")),
        ("flag", pa.bool_()),
    ]
)
ROWS = pa.RecordBatch.from_arrays(
    [
        pa.array(["x", None, "abz"]).dictionary_encode(),
        pa.array([1, 2, None], pa.int32()),
        pa.array([0, 86_400_000_000, None], pa.timestamp("us", "UTC")),
        pa.array([True, None, False]),
    ],
    schema=SCHEMA,
)


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("word = 'x'", [True, True, False]),
        ("word <> 'x' AND number < 9", [False, True, True]),
        ("word LIKE 'ab%'", [False, True, True]),
        ("word IS NULL", [False, True, False]),
        ("word IS NOT NULL OR number = 7", [True, False, True]),
        ("number IN (2, 3)", [False, True, True]),
        ("2 > number", [True, False, True]),
        ("NOT (number >= -1)", [False, False, True]),
        ("at < '1970-01-02'", [True, False, True]),
        ("flag = TRUE", [True, True, False]),
    ],
)
def test_a_predicate_matches_what_sql_says_and_what_is_unknown(text: str, matches: list[bool]) -> None:
    assert compile_predicate(text, SCHEMA).matches(ROWS).to_pylist() == matches


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("word = 'x' AND nobody = 1", 16),
        ("word = 1", 8),
        ("number = 'x'", 10),
        ("number = 1.5", 10),
        ("word LIKE '%x'", 1),
        ("lower(word) = 'x'", 15),
        ("word = number", 8),
        ("word IN (SELECT 1)", 1),
        ("number BETWEEN 1 AND 2", 1),
        ("SELECT 1", 8),
        ("word = 'x'; DROP TABLE y", 1),
    ],
)
def test_what_is_not_allowed_is_refused_with_its_place(text: str, position: int) -> None:
    with pytest.raises(PredicateError, match="refused at character") as caught:
        compile_predicate(text, SCHEMA)
    assert caught.value.position == position


def test_a_predicate_that_is_too_long_or_too_deep_is_refused() -> None:
    with pytest.raises(PredicateError, match="at most"):
        compile_predicate("x" * (TEXT_CHARS_MAX + 1), SCHEMA)
    with pytest.raises(PredicateError, match="parts"):
        compile_predicate(" OR ".join(["number=1"] * 160), SCHEMA)


def test_a_row_without_the_column_matches() -> None:
    rows = ROWS.select(["number"])
    assert compile_predicate("word = 'x'", SCHEMA).matches(rows).to_pylist() == [True, True, True]


def coded(*values: str) -> pa.RecordBatch:
    """Rows whose words are a dictionary."""
    return pa.RecordBatch.from_pydict({"word": pa.array(values).dictionary_encode()})


def test_words_that_come_again_are_judged_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policies.predicate.text_hash", lambda words: 7)
    predicate = compile_predicate("word IN ('again', 'x')", SCHEMA)
    for _ in range(3):
        assert predicate.flags(coded("x", "y", "x")).tolist() == [True, False, True]
        assert predicate.flags(coded("y", "x", "y")).tolist() == [False, True, False]


def test_a_predicate_remembers_no_more_dictionaries_than_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policies.predicate.JUDGED_MAX", 2)
    predicate = compile_predicate("word = 'bound'", SCHEMA)
    for number in [*range(5), *range(5), *range(5)]:
        assert predicate.flags(coded(f"w-{number}", "bound")).tolist() == [False, True]
    assert len(predicate._judged) <= 2


@pytest.mark.parametrize("listed", [1, 4, 5, 9])
def test_few_matching_words_and_many_are_spread_over_the_rows_alike(listed: int) -> None:
    words = [f"w{number % 10}" for number in range(40)]
    predicate = compile_predicate(f"word IN ({', '.join(repr(f'w{number}') for number in range(listed))})", SCHEMA)
    assert predicate.flags(coded(*words)).tolist() == [int(word[1:]) < listed for word in words]
