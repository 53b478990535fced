"""Which record has which number: as its origin gave it, and as its journal shows after it numbered its records anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from simulations.checkers.truth import Numbered, Truth
from sync.model import Stream
from tests.simulations.checkers.test_checkers import AIR, PEOPLE, Held, Row, copy_of, reading, resident, truth_of

NAMES = ("a", "b", "c", "d")


def truth_before(stream: Stream, *rows: Row) -> Truth:
    """`rows` were numbered in a former life, the last one in this."""
    truth = truth_of(*rows, stream=replace(stream, incarnation=7))
    truth.numbered[stream] = [Numbered(4, 4, 3)]
    return truth


@pytest.mark.parametrize(("stream", "row"), [(AIR, reading), (PEOPLE, resident)])
def test_what_an_origin_numbered_anew_is_known_by_name(stream: Stream, row: Callable[[str], Row]) -> None:
    rows = [row(name) for name in NAMES]
    truth = truth_before(stream, *rows)
    truth.learn_numbers(copy_of("s111", Held(1, 1, [rows[1], rows[2]]), Held(2, 3, [rows[0], rows[3]]), stream=stream))
    assert truth.numbered[stream] == [Numbered(1, 2, 1), Numbered(3, 3, 0), Numbered(4, 4, 3)]


def test_what_nobody_made_gets_no_record() -> None:
    truth = truth_before(AIR, *map(reading, NAMES))
    truth.learn_numbers(copy_of("s111", Held(1, 3, [reading("x"), reading("d")])))
    assert truth.numbered[AIR] == [Numbered(4, 4, 3)]


def test_only_the_origin_tells_its_numbers_and_only_those_it_did_not_give_before_our_eyes() -> None:
    truth = truth_before(AIR, *map(reading, NAMES))
    truth.learn_numbers(copy_of("d11", Held(1, 1, [reading("a"), reading("b")])))
    truth.learn_numbers(copy_of("s111", Held(1, 4, [reading("a")])))
    assert truth.numbered[AIR] == [Numbered(4, 4, 3)]


def test_what_a_restored_disk_took_back_is_known_from_whoever_got_it() -> None:
    truth = truth_before(AIR, *map(reading, NAMES))
    truth.numbered[AIR] = []
    other = replace(AIR, incarnation=9)
    truth.learn_forgotten(copy_of("d11", Held(1, 1, [reading("b"), reading("x")])))
    truth.learn_forgotten(copy_of("d11", Held(1, 1, [reading("a")]), stream=other))
    assert truth.numbered[AIR] == [Numbered(1, 1, 1)]
    assert other not in truth.numbered
