"""Rendered bad weather through gate, motion-object and a zone rule over the whole picture: no event, and who walks there is found."""

from __future__ import annotations

import pytest

from edge_ai.picture import Shot
from edge_ai.spec import CameraKind, CameraSpec, RuleKind, RuleSpec
from edge_ai.wire.events import EventMessage
from sync.model import Instant
from tests.edge_ai.replay import pipeline_for
from tests.edge_ai.weather import FPS, HEIGHT, WIDTH, Weather, Yard, box_of_person

WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
ALONE_S = 20
WALKS_FROM, PICTURES = 30, 60
BAD = (Weather.RAIN, Weather.SNOW, Weather.NIGHT, Weather.HEADLIGHTS)


def told(weather: Weather, pictures: int, *, person_since: int | None = None) -> list[tuple[int, EventMessage]]:
    """Events that begin, each with the number of its picture."""
    rule = RuleSpec(name="yard", kind=RuleKind.ZONE, points=WHOLE)
    pipeline = pipeline_for(CameraSpec(id="c", kind=CameraKind.FILE, source="", algorithm="motion-object", rules=(rule,)))
    yard, found = Yard(weather), list[tuple[int, EventMessage]]()
    for number in range(pictures):
        at_us = round(number * 1e6 / FPS)
        shot = Shot("c", yard.picture(number, person_since=person_since), Instant(at_us), at_us, 0)
        found += [(number, message) for message in pipeline.analyse(shot) if message.jpeg]
    return found


def is_on_person(number: int, message: EventMessage) -> bool:
    """Whether the middle of an event's box lies on who walks, or the middle of who walks in it."""
    x1, y1, x2, y2 = box_of_person(number, person_since=WALKS_FROM)
    left, top, right, bottom = message.row.overlays[0].box
    x, y = (left + right) / 2 * WIDTH, (top + bottom) / 2 * HEIGHT
    holds = left * WIDTH <= (x1 + x2) / 2 <= right * WIDTH and top * HEIGHT <= (y1 + y2) / 2 <= bottom * HEIGHT
    return holds or (x1 <= x <= x2 and y1 <= y <= y2)


@pytest.mark.slow
@pytest.mark.parametrize("weather", BAD)
def test_weather_alone_makes_no_event(weather: Weather) -> None:
    assert told(weather, round(ALONE_S * FPS)) == []


@pytest.mark.slow
@pytest.mark.parametrize("weather", [Weather.CLEAR, *BAD])
def test_who_walks_through_is_told_within_two_seconds_of_being_whole_in_the_picture(weather: Weather) -> None:
    found = told(weather, PICTURES, person_since=WALKS_FROM)
    on_person = [number for number, message in found if is_on_person(number, message)]
    assert on_person, [(number, message.row.overlays[0].box) for number, message in found]
    whole_from = WALKS_FROM + next(step for step in range(20) if box_of_person(step, person_since=0)[0] >= 0)
    assert on_person[0] <= whole_from + 2 * FPS
