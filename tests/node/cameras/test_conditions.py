"""Values of devices on their way to the rules that ask for them."""

from __future__ import annotations

from pathlib import Path
from random import Random

from edge_ai.condition import VALUE_AGE_S_MAX
from edge_ai.spec import CameraKind, CameraSpec, RuleKind, RuleSpec
from edge_ai.wire.parts import parse_from_node
from edge_ai.wire.states import Value
from node.cameras.conditions import ConditionFeed, wanted
from node.cameras.supervisor import CameraSupervisor
from node.clock import SystemClock

ZONE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
CAMERA = CameraSpec(
    id="cam", kind=CameraKind.FILE, source="a.mp4", algorithm="motion-object",
    rules=(
        RuleSpec(name="wet", kind=RuleKind.ZONE, points=ZONE, when="water-level of gauge-7 > 0.3"),
        RuleSpec(name="wetter", kind=RuleKind.ZONE, points=ZONE, when="water-level of gauge-7 > 0.9"),
        RuleSpec(name="warm", kind=RuleKind.ZONE, points=ZONE, when="temperature of t-1 >= 40"),
        RuleSpec(name="always", kind=RuleKind.ZONE, points=ZONE),
    ),
)  # fmt: skip


def fed(values: dict[tuple[str, str], tuple[float, int]]) -> list[Value]:
    told: list[Value] = []
    feed = ConditionFeed(lambda: [CAMERA], lambda device, metric: values.get((device, metric)), told.append, SystemClock())
    assert feed.turn() == len(told)
    return told


def test_each_device_that_rules_name_is_asked_for_once() -> None:
    assert wanted([CAMERA, CAMERA]) == {("gauge-7", "water-level"), ("t-1", "temperature")}


def test_young_values_are_told_with_their_age_and_others_are_not() -> None:
    now_us = SystemClock().wall_us()
    old = now_us - round((VALUE_AGE_S_MAX + 60) * 1e6)
    told = fed({("gauge-7", "water-level"): (0.5, now_us - 2_000_000), ("t-1", "temperature"): (50.0, old), ("t-2", "x"): (1.0, now_us)})
    assert [(each.device, each.metric, each.value) for each in told] == [("gauge-7", "water-level", 0.5)]
    assert 1.9 <= told[0].age_s <= 60


def test_value_from_a_clock_ahead_has_no_negative_age() -> None:
    told = fed({("gauge-7", "water-level"): (0.5, SystemClock().wall_us() + 10_000_000)})
    assert told[0].age_s == 0.0


async def test_value_goes_to_every_process_that_analyses(tmp_path: Path) -> None:
    supervisor = CameraSupervisor([CAMERA], tmp_path / "s", lambda *_: None, clock=SystemClock(), rng=Random(1))
    value = Value(device="gauge-7", metric="water-level", value=0.5, age_s=1.0)
    supervisor.tell(value)
    identity, *parts = supervisor._outgoing.get_nowait()
    assert identity == b"worker-0"
    assert parse_from_node(parts) == value
