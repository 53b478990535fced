"""What was not masked is given only where a grant speaks of it: whatever else the grant says, and whoever wrote its filters."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import Field, KeyRing, PolicyError, Resource, Share
from policies.grant import Grant
from policies.granting import MASKED, RECIPIENT_KEY, check_given, speaks_of
from sync.model import Lane, Level
from tests.policies.city import END_US
from tests.policies.test_granting import batch_of, gate_of

FILMS = Resource(
    "films", "片", "Films", Lane.BLOB,
    (Field("event_id", "string"), Field("camera", "string"), Field("video", "binary"), Field(MASKED, "bool")),
    2, Share.CONDITIONAL,
)  # fmt: skip
COLUMNS = ("event_id", "camera", "video", MASKED)
GRANT = Grant("g1", "films", COLUMNS, "city-management", 0, END_US)
KEYS = KeyRing({RECIPIENT_KEY: b"one"})
GATE = gate_of(FILMS)
NAMED = (
    "", "camera = 'masked'", "event_id = 'live'", "camera LIKE 'masked%'", "not camera in ('x', 'y')", "camera is null or camera <> 'x'",
)  # fmt: skip
"""Filters that do not speak of masking, though some name a camera so."""


def stored(masked: list[bool | None]) -> pa.RecordBatch:
    """Pictures of one camera, with what is said of their masking."""
    rows = [{"territory": "370202001", "grade": 3, "event_id": "live", "camera": "masked", "video": None, MASKED: one} for one in masked]
    return batch_of(FILMS, rows)


def given_of(grant: Grant, rows: pa.RecordBatch) -> list[bool | None]:
    """What the grant gives, by the column of masking."""
    return GATE.give(grant, rows, level=Level.STREET, keys=KEYS).rows.column(MASKED).to_pylist()


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(NAMED), st.sampled_from(NAMED), st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=6),
    st.sampled_from(["city-management", "emergency", "statistics/census"]),
)  # fmt: skip
def test_a_grant_that_does_not_speak_of_it_never_gives_unmasked(asked: str, limit: str, masked: list[bool | None], purpose: str) -> None:
    grant = replace(GRANT, asked=asked, limit=limit, purpose=purpose)
    assert not speaks_of(grant, FILMS, MASKED)
    assert set(given_of(grant, stored(masked))) <= {True}


@pytest.mark.parametrize("where", ["asked", "limit"])
@pytest.mark.parametrize(("text", "holds"), [("masked = false", [False]), ("masked = true", [True]), ("masked is not null", [True, False])])
def test_a_grant_that_speaks_of_it_gives_what_its_filter_lets_through(where: str, text: str, holds: list[bool]) -> None:
    grant = replace(GRANT, **{where: text})  # type: ignore[arg-type]
    assert given_of(grant, stored([True, False, None])) == holds


def test_rows_that_lack_the_column_are_not_surely_masked() -> None:
    rows = stored([True]).drop_columns([MASKED])
    assert given_of(GRANT, rows) == []
    assert given_of(replace(GRANT, limit="masked = true"), rows) == []


def test_a_column_of_that_name_that_says_something_else_closes_nothing() -> None:
    other = replace(FILMS, fields=(*FILMS.fields[:3], Field(MASKED, "string")))
    rows = batch_of(other, [{"territory": "370202001", "grade": 2, "event_id": "a", "camera": "c", "video": None, MASKED: "a ball"}])
    assert gate_of(other).give(GRANT, rows, level=Level.STREET, keys=KEYS).rows.num_rows == 1


def test_the_recipient_refuses_what_its_grant_does_not_speak_of() -> None:
    spoken = replace(GRANT, limit="masked = false")
    rows = GATE.give(spoken, stored([False]), level=Level.STREET, keys=KEYS).rows
    check_given(GATE.book, spoken, rows, level=Level.STREET)
    with pytest.raises(PolicyError, match="was not masked, and the grant does not speak of that"):
        check_given(GATE.book, GRANT, rows, level=Level.STREET)


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ("event_id = 'live'", True), ("event_id in ('a', 'live')", True), ("event_id LIKE 'live%'", False),
        ("event_id = 'x' and camera = 'live'", False),
    ],
)  # fmt: skip
def test_a_text_is_named_only_where_its_column_is_compared_with_it(text: str, is_named: bool) -> None:
    assert speaks_of(replace(GRANT, asked=text), FILMS, "event_id", "live") is is_named
