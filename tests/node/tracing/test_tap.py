"""The tap sees every input of the engine, whatever methods it has; it costs nothing while it is closed, and it is bounded."""

from __future__ import annotations

from typing import Any

import pytest

from node.tracing import tap as taps
from node.tracing.inputs import ClockSet, Input, LinkUp, Offered
from node.tracing.tap import TOO_FAST, Tap, TracedEngine
from sync.core.engine import Engine
from sync.core.ready import Ready
from sync.model import DEFAULT_LIMITS, ClockQuality, Instant, PolicyVersion
from sync.model.writes import Recovered
from tests.node.tracing.samples import HELLO, INPUTS, LOCAL, PEER

ASKED = {
    "version", "last_lsn", "streams", "out_mark", "lanes_under_way", "caps", "fresh_first", "standing", "lane_tops", "freeable_upto",
    "pace", "is_to_try_again", "link_peers", "positions_by_incarnation", "program", "advance",
}  # fmt: skip
"""What only asks, is set before the first turn (caps, fresh_first), or follows of itself (advance)."""


def engine(tap: Tap) -> TracedEngine:
    return TracedEngine(
        tap, node="grid", incarnation=7, has_parent=True, version=PolicyVersion(), recovered=Recovered(), limits=DEFAULT_LIMITS,
        clock=ClockQuality(),
    )  # fmt: skip


def seen(tap: Tap) -> list[type[Any]]:
    return [type(one) if isinstance(one, Input) else Ready for one in tap.take()]


def test_every_method_of_the_engine_is_an_input_or_only_asks() -> None:
    public = {name for name in vars(Engine) if not name.startswith("_")}
    traced = {name for name in vars(TracedEngine) if not name.startswith("_")}
    assert public - ASKED == traced - {"clock"}, "a new input of the engine must be recorded: node/tracing/inputs.py and tap.py"


def test_every_input_has_a_record() -> None:
    tags = {str(given.__struct_config__.tag) for given in INPUTS}
    public = {name for name in vars(TracedEngine) if not name.startswith("_")} - {"ready"}
    assert tags == public | {"day_began"}


def test_inputs_and_turns_are_seen_in_order() -> None:
    tap = Tap()
    traced = engine(tap)
    traced.offer(LOCAL, Instant(1))
    traced.link_up(PEER, HELLO, {}, Instant(2))
    traced.clock = ClockQuality(5, 6)
    traced.clock = ClockQuality(5, 6)
    traced.ready(Instant(3))
    assert seen(tap) == [Offered, LinkUp, ClockSet, Ready]


def test_a_closed_tap_keeps_nothing() -> None:
    tap = Tap()
    traced = engine(tap)
    tap.is_open = False
    traced.offer(LOCAL, Instant(1))
    traced.link_up(PEER, HELLO, {}, Instant(2))
    traced.ready(Instant(3))
    assert (seen(tap), tap.is_open) == ([], False)


@pytest.mark.parametrize(("name", "most"), [("PENDING_MAX", 2), ("PENDING_BYTES_MAX", 2 * len(LOCAL.payload))])
def test_a_node_that_is_faster_than_its_recording_goes_on_without_it(name: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taps, name, most)
    tap = Tap()
    traced = engine(tap)
    for _ in range(4):
        traced.offer(LOCAL, Instant(1))
    assert (traced.last_lsn, tap.reason) == (4, TOO_FAST)
    assert seen(tap) == [Offered, Offered]
