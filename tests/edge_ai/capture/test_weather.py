"""Rendered bad weather through gate, motion-object and a zone rule over the whole picture: no event, and who walks there is found."""

from __future__ import annotations

import pytest

from tests.edge_ai.weather import Weather, hard, mild
from tests.edge_ai.weather_score import alone, walk

ALONE_S = 20
BAD = (Weather.RAIN, Weather.SNOW, Weather.NIGHT, Weather.HEADLIGHTS)
SEED = 7
WORSE = ((Weather.NIGHT, 5), (Weather.HEADLIGHTS, 2))
"""Worse scenes and their seeds: a gate without eyes for faint things and for what stands in a beam sees them in a third of the pictures."""


@pytest.mark.slow
@pytest.mark.parametrize("weather", BAD)
def test_weather_alone_makes_no_event(weather: Weather) -> None:
    assert alone(mild(weather), SEED, ALONE_S) == 0


@pytest.mark.slow
@pytest.mark.parametrize("weather", [Weather.CLEAR, *BAD])
def test_who_walks_through_is_told_within_two_seconds_of_being_whole_in_the_picture(weather: Weather) -> None:
    found = walk(mild(weather), SEED, pictures=60)
    assert found.soon, found


@pytest.mark.slow
@pytest.mark.parametrize(("weather", "seed"), WORSE)
def test_who_walks_in_the_dark_or_in_a_beam_is_seen_in_most_pictures(weather: Weather, seed: int) -> None:
    found = walk(hard(weather, seed), seed, pictures=60)
    assert found.told, found
    seen, whole = found.seen
    assert seen >= 0.6 * whole, found
