"""The judgement of the model card, and the places it judges by."""

from __future__ import annotations

import json

import pytest

from benchmarks.model_card import IMAGES, KINDS, ROLES, TRUTH, Sums, add_up
from benchmarks.places import Judged, Places, Reported, Thing, judge, read_places

SIZE = (400, 300)
CAR, WALKER = Thing("vehicle", 100, 100, 80), Thing("person", 300, 200, 60)
CLIPS = (*ROLES["tune"], *ROLES["held-out"])


def places(*things: Thing, optional: tuple[Thing, ...] = (), region_top: float = 0.0) -> Places:
    return Places(clip="c", pictures={"0": things}, optional={"0": optional}, region_top=region_top)


def around(thing: Thing, number: int, *, kind: str = "", grown: float = 1.0) -> Reported:
    half = thing.side * grown / 2
    return Reported(kind or thing.kind, (thing.x - half, thing.y - half / 2, thing.x + half, thing.y + half / 2), number)


def test_things_are_found_once_and_what_is_left_over_is_wrong() -> None:
    told = judge([around(CAR, 1), around(CAR, 2, grown=1.2)], places(CAR, WALKER), "0", SIZE)
    assert (told.found, told.missed, told.right, told.wrong) == (1, 1, {1}, {2})


OTHERS = [around(CAR, 1, kind="person"), around(CAR, 1, grown=2.2), around(CAR, 1, grown=0.4), around(WALKER, 1, kind="vehicle")]


@pytest.mark.parametrize("report", OTHERS)
def test_another_kind_size_or_place_is_wrong(report: Reported) -> None:
    told = judge([report], places(CAR), "0", SIZE)
    assert (told.found, told.wrong) == (0, {1})


def test_optional_things_and_the_region_above_count_for_nothing() -> None:
    told = judge([around(CAR, 1), around(WALKER, 2)], places(optional=(WALKER,), region_top=0.5), "0", SIZE)
    assert told == Judged()


def test_a_box_is_cut_at_the_picture_before_it_is_judged() -> None:
    edge = Thing("vehicle", 10, 100, 40)
    assert judge([Reported("vehicle", (-200, 80, 20, 120), 1)], places(edge), "0", SIZE).found == 1


def test_an_event_once_right_is_right_and_of_an_empty_clip_all_are_wrong() -> None:
    pictures = [Judged(found=1, right={1}, wrong={2}), Judged(missed=1, wrong={1})]
    sums = add_up(Sums(), pictures, {1, 2, 3}, all_wrong=False)
    assert (sums.found, sums.missed, sums.right, sums.wrong, sums.unjudged) == (1, 1, 1, 1, 1)
    assert add_up(Sums(), [], {4, 5}, all_wrong=True).wrong == 2


@pytest.mark.parametrize("clip", CLIPS)
def test_places_agree_with_what_was_counted_before(clip: str) -> None:
    found = read_places(TRUTH / f"places_{clip}.json")
    counted = json.loads((TRUTH / f"{clip}.json").read_text("utf-8"))
    for number, things in found.pictures.items():
        optional = json.loads((TRUTH / f"places_{clip}.json").read_text("utf-8")).get("optional", {}).get(number, ())
        if counted["things"] != "scene with flames":
            assert len(things) + len(optional) == counted["counts"][number], number


def test_no_clip_has_two_roles_and_all_kinds_are_known() -> None:
    assert len(set(CLIPS)) == len(CLIPS)
    for clip in (*CLIPS, IMAGES):
        found = read_places(TRUTH / f"places_{clip}.json")
        kinds = {thing.kind for things in (*found.pictures.values(), *found.optional.values()) for thing in things}
        assert kinds <= set(KINDS.values())
