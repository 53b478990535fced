"""The words for values that do not fit: every sentence names the place and what is needed, and none is the decoder's."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from node.misfit import misfit, needed

Share = Annotated[float, Meta(ge=0, le=1)]


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    a: int
    b: Literal["x", "y"] = "x"


class Shape(msgspec.Struct, forbid_unknown_fields=True):
    id: Annotated[str, Meta(min_length=8)] = "12345678"
    name: Annotated[str, Meta(max_length=3)] = ""
    count: Annotated[int, Meta(ge=1, le=5)] = 1
    part: Annotated[float, Meta(gt=0, lt=5)] = 1
    lsn: int | None = None
    rows: Annotated[list[int], Meta(min_length=1, max_length=2)] = msgspec.field(default_factory=lambda: [1])
    point: tuple[Share, Share] = (0, 0)
    facts: dict[str, str | int] = msgspec.field(default_factory=dict)
    one: Inner | None = None
    many: list[Inner] = []
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{4}$")] = "0000"
    way: Literal["up", "down"] | None = None
    accept: bool = False


class Empty(msgspec.Struct, forbid_unknown_fields=True):
    pass


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ('{"id":"a"}', "'id' must have at least 8 characters"),
        ('{"name":"long"}', "'name' must have at most 3 characters"),
        ('{"count":0}', "'count' must be at least 1"),
        ('{"count":9}', "'count' must be at most 5"),
        ('{"count":1.5}', "'count' must be a whole number, not a number"),
        ('{"part":0}', "'part' must be above 0"),
        ('{"part":5}', "'part' must be below 5"),
        ('{"lsn":"9"}', "'lsn' must be a whole number or nothing, not text"),
        ('{"rows":[]}', "'rows' must have at least 1 entries"),
        ('{"point":[1]}', "'point' must have 2 entries"),
        ('{"point":[0,2]}', "'point[1]' must be at most 1"),
        ('{"facts":{"a":[]}}', "'facts[...]' must be a whole number or text, not a list"),
        ('{"one":{}}', "'one.a' is missing"),
        ('{"one":{"a":1,"bb":2}}', "'one.bb' is not known: did you mean 'b'?"),
        ('{"many":[{"a":1,"b":"z"}]}', "'many[0].b' = 'z' is none of x, y"),
        ('{"sha256":"../"}', "'sha256' is written wrongly: it must be of the form ^[0-9a-f]{4}$"),
        ('{"way":"side"}', "'way' = 'side' is none of up, down"),
        ('{"accept":1}', "'accept' must be true or false, not a whole number"),
        ('{"acept":true}', "'acept' is not known: did you mean 'accept'?"),
        ("[]", "what is given must be a table, not a list"),
        ("{", "it is no JSON, or was cut off"),
        ('{"part":1e400}', "'part' does not fit"),
    ],
)
def test_a_misfit_is_told_by_its_place_and_what_is_needed(said: str, words: str) -> None:
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(said, type=Shape)
    assert misfit(caught.value, Shape) == words


def test_where_nothing_is_asked_for_that_is_said() -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode('{"verbose":true}', type=Empty)
    assert misfit(caught.value, Empty) == "'verbose' is not known: nothing is asked for here"


def test_a_value_that_is_named_already_is_not_named_again() -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert("yes", bool)
    assert needed(caught.value, bool) == "it must be true or false, not text"
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert([[0, 0], [2, 0]], list[tuple[Share, Share]])
    assert needed(caught.value, list[tuple[Share, Share]]) == "its [1][0] must be at most 1"
