"""Caps of node.toml: read into the engine's words, in the local day, with everything wrong refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.config.config import ConfigError, parse_config
from node.links.caps import cap_table, midnight
from node.links.pace import pace_facts
from sync.core.outbox import LinkPace
from sync.core.pacing import Cap
from sync.model import Instant, Lane

HEAD = '[node]\nid = "street"\nlevel = "street"\nterritory = "370202001"\n'


class Noon:
    """A clock that stands at 04:00 UTC, noon in Beijing, ten seconds after the machine was started."""

    def now(self) -> Instant:
        return Instant(10_000_000)

    def wall_us(self) -> int:
        return (20_000 * 86_400 + 4 * 3_600) * 1_000_000


def links(text: str) -> object:
    return parse_config(HEAD + text, Path("node.toml")).links


def problem(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        links(text)
    return str(caught.value)


def test_a_cap_holds_in_its_hours_of_the_configured_day() -> None:
    config = parse_config(HEAD + '[[links.cap]]\nlanes = ["bulk"]\nwindow = "08:00-18:00"\nkbit_s = 100\n', Path("node.toml")).links
    clock = Noon()
    link = cap_table(config, clock).of("district", is_parent=True)
    assert link.in_force(clock.now()) == [Cap("parent", 100.0, frozenset({Lane.BULK}), 480, 1_080)]
    assert link.in_force(clock.now().plus(6 * 3_600)) == []


def test_the_day_begins_where_the_offset_says() -> None:
    clock = Noon()
    assert clock.now().seconds_since(midnight(clock, 480)) == 12 * 3_600
    assert clock.now().seconds_since(midnight(clock, 0)) == 4 * 3_600


def test_what_cannot_be_a_cap_is_refused_by_name() -> None:
    assert "links.cap.window" in problem('[[links.cap]]\nwindow = "8-18"\nkbit_s = 100\n')
    assert "links.cap.lanes" in problem('[[links.cap]]\nlanes = ["mail"]\nkbit_s = 100\n')
    assert "kbit_s" in problem("[[links.cap]]\nkbit_s = 0\n")
    assert "'parent'" in problem('[[links.cap]]\npeer = "Not A Node"\nkbit_s = 100\n')
    assert "did you mean 'window'" in problem('[[links.cap]]\nwindows = "08:00-18:00"\nkbit_s = 100\n')


def test_the_time_to_catch_up_is_by_the_tightest_of_rate_and_caps() -> None:
    pace = LinkPace(10_000, 20_000, 5_000, 0.6, (Cap("parent", 8.0, from_minute=480, to_minute=1_080),))
    facts = pace_facts(pace, backlog_bytes=60_000)
    assert facts["eta_s"] == 60.0
    assert facts["rate_kbit_s"] == 80.0
    assert facts["caps"] == [{"peer": "parent", "lanes": ["event", "state", "bulk", "blob"], "window": "08:00-18:00", "kbit_s": 8.0}]


def test_of_a_link_that_is_down_or_unmeasured_no_time_is_promised() -> None:
    assert pace_facts(None, backlog_bytes=7)["eta_s"] is None
    assert pace_facts(LinkPace(0, 16_384, 0, 0.0, ()), backlog_bytes=7)["eta_s"] is None
    assert pace_facts(LinkPace(0, 16_384, 0, 0.0, ()), backlog_bytes=0)["eta_s"] == 0.0
