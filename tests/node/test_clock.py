"""The floored clock and the bounded hybrid clock, against scripted machine clocks."""

from __future__ import annotations

from dataclasses import dataclass

from node.clock import HYBRID_DRIFT_US_MAX, FlooredClock, HybridClock
from sync.model import HybridTime, Instant

NOON_US = 1_800_000_000_000_000
SECOND_US = 1_000_000


@dataclass
class Machine:
    """A machine whose wall clock and monotonic clock are set apart."""

    wall: int = NOON_US
    up_us: int = 0

    def now(self) -> Instant:
        return Instant(self.up_us)

    def wall_us(self) -> int:
        return self.wall

    def run(self, us: int) -> None:
        self.wall += us
        self.up_us += us


def test_a_machine_that_wakes_in_1970_goes_on_from_the_floor_at_its_own_speed() -> None:
    machine = Machine(wall=0)
    clock = FlooredClock(machine, NOON_US)
    machine.run(90 * SECOND_US)
    assert clock.wall_us() == NOON_US + 90 * SECOND_US
    assert clock.is_behind


def test_a_right_clock_is_left_alone() -> None:
    machine = Machine()
    clock = FlooredClock(machine, NOON_US - SECOND_US)
    machine.run(SECOND_US)
    assert clock.wall_us() == machine.wall
    assert not clock.is_behind


def test_a_clock_that_jumps_back_days_stands_on_the_newest_signed_time() -> None:
    machine = Machine()
    clock = FlooredClock(machine)
    clock.raise_floor(NOON_US - SECOND_US)
    machine.wall -= 3 * 86_400 * SECOND_US
    assert clock.wall_us() == NOON_US - SECOND_US
    clock.raise_floor(NOON_US - 5 * SECOND_US)
    assert clock.wall_us() == NOON_US - SECOND_US


def test_hybrid_time_never_goes_back_when_the_wall_clock_does() -> None:
    machine = Machine()
    hybrid = HybridClock(machine)
    first = hybrid.tick()
    machine.wall -= 86_400 * SECOND_US
    assert hybrid.tick() > first


def test_a_peer_out_of_all_bounds_does_not_carry_the_hybrid_clock_along() -> None:
    hybrid = HybridClock(Machine())
    hybrid.observe(HybridTime(NOON_US + HYBRID_DRIFT_US_MAX + 1))
    assert hybrid.tick().wall_us == NOON_US
    assert hybrid.observe(HybridTime(NOON_US + SECOND_US)) > HybridTime(NOON_US + SECOND_US)
