"""Offences are counted by peer, named, and logged no faster than a person reads."""

from __future__ import annotations

import logging

import pytest

from node.links.offences import LINES_BURST, PEERS_MAX, Offences
from sync.model import Instant


class HandClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.us = 1_000_000

    def now(self) -> Instant:
        return Instant(self.us)

    def wall_us(self) -> int:
        return self.us


def test_each_peer_has_its_counts_and_its_last_reason_latest_first() -> None:
    clock = HandClock()
    offences = Offences(clock)
    offences.frame("grid-1", "looser than the plan")
    clock.us += 1
    offences.link("grid-2", "garbage")
    clock.us += 1
    offences.link("grid-1", "garbage again")
    assert offences.facts() == [
        {"peer": "grid-1", "frames": 1, "links": 1, "hurries": 0, "last": "garbage again", "last_us": 1_000_002},
        {"peer": "grid-2", "frames": 0, "links": 1, "hurries": 0, "last": "garbage", "last_us": 1_000_001},
    ]


def test_a_flood_is_counted_and_its_lines_are_few(caplog: pytest.LogCaptureFixture) -> None:
    clock = HandClock()
    offences = Offences(clock)
    with caplog.at_level(logging.WARNING, "yunnao.links"):
        for _ in range(1_000):
            offences.link("grid-1", "garbage")
        offences.link("grid-2", "something else")
        clock.us += 60_000_000
        offences.link("grid-1", "garbage")
    assert len(caplog.messages) == int(LINES_BURST) + 2
    assert caplog.messages[-1] == f"garbage (and {1_000 - int(LINES_BURST)} more of grid-1 since the last line)"
    assert offences.facts()[0]["links"] == 1_001


def test_a_peer_that_is_held_back_for_long_is_named_and_one_that_was_for_a_moment_is_not() -> None:
    clock = HandClock()
    offences = Offences(clock)
    for _ in range(1_000):
        offences.hurry("loud", 0.01)
        clock.us += 10_000
    for _ in range(60):
        offences.hurry("busy", 0.5)
        clock.us += 10_000_000
    (entry,) = offences.facts()
    assert (entry["peer"], entry["frames"], entry["links"]) == ("loud", 0, 0)
    assert 5 <= int(str(entry["hurries"])) <= 10
    assert "faster than they are heard" in str(entry["last"])


def test_the_table_is_bounded() -> None:
    offences = Offences(HandClock())
    for number in range(PEERS_MAX + 10):
        offences.frame(f"grid-{number}", "no")
    peers = {entry["peer"] for entry in offences.facts()}
    assert len(peers) == PEERS_MAX
    assert "grid-0" not in peers
