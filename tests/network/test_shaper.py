"""The pipe's arithmetic: rate, delay, a bounded queue, and losses that depend on the seed and on nothing else."""

from __future__ import annotations

from sync.model import Instant
from tests.network.shaper import QUEUE_BYTES_MIN, Shaper, Wire

WIRE = Wire(kbit_s=80, delay_ms=100)
NOW = Instant(0)


def test_a_packet_takes_its_time_on_the_wire_and_the_delay() -> None:
    assert Shaper(WIRE, salt=0).enter(1_000, NOW) == Instant(200_000)


def test_packets_leave_one_after_the_other() -> None:
    shaper = Shaper(WIRE, salt=0)
    assert [shaper.enter(1_000, NOW) for _ in range(3)] == [Instant(200_000), Instant(300_000), Instant(400_000)]


def test_a_full_queue_drops() -> None:
    shaper = Shaper(WIRE, salt=0)
    passed = sum(shaper.enter(1_000, NOW) is not None for _ in range(100))
    assert passed == QUEUE_BYTES_MIN // 1_000 + 1
    assert shaper.overflowed == 100 - passed


def test_losses_are_those_of_the_seed() -> None:
    def lost(seed: int, salt: int, size: int) -> list[bool]:
        shaper = Shaper(Wire(kbit_s=1e6, delay_ms=0, loss=0.05, seed=seed), salt=salt)
        return [shaper.enter(size, NOW.plus(number)) is None for number in range(2_000)]

    assert lost(1, 0, 100) == lost(1, 0, 1_400)
    assert lost(1, 0, 100) != lost(1, 1, 100)
    assert lost(1, 0, 100) != lost(2, 0, 100)
    assert 60 < sum(lost(1, 0, 100)) < 140


def test_a_cut_direction_passes_nothing_until_it_is_healed() -> None:
    shaper = Shaper(WIRE, salt=0)
    shaper.is_cut = True
    assert shaper.enter(100, NOW) is None
    shaper.is_cut = False
    assert shaper.enter(100, NOW) is not None
