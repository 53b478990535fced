"""The fault plan: drawn from the seed, printed, read back, shortened."""

from __future__ import annotations

from random import Random

import pytest

from simulations.faults import CLOCK_DAYS_MAX, CLOG_US_MAX, DAY_US, Fault, FaultKind, draw_schedule, read_schedule, write_schedule
from simulations.shrink import shrink
from simulations.topology import binary_tree
from sync.model import MICROSECONDS, ModelError

PLANS = binary_tree()
UNTIL_US = 40 * MICROSECONDS


def drawn(seed: int) -> tuple[Fault, ...]:
    return draw_schedule(Random(seed), PLANS, until_us=UNTIL_US)


@pytest.mark.parametrize("seed", range(20))
def test_a_printed_schedule_reads_back_as_it_was(seed: int) -> None:
    assert read_schedule(write_schedule(drawn(seed))) == drawn(seed)


def test_faults_come_in_order_and_inside_their_ranges() -> None:
    for fault in (fault for seed in range(50) for fault in drawn(seed)):
        assert 0 <= fault.at_us < UNTIL_US
        assert fault.kind != FaultKind.CLOG.value or fault.amount <= CLOG_US_MAX
        assert fault.kind != FaultKind.CLOCK.value or abs(fault.amount) <= CLOCK_DAYS_MAX * DAY_US
    assert all(list(drawn(seed)) == sorted(drawn(seed)) for seed in range(50))


def test_a_table_is_as_long_as_it_must_be() -> None:
    assert all(len(draw_schedule(Random(seed), PLANS, until_us=UNTIL_US, least=40)) >= 40 for seed in range(20))


def test_every_kind_is_drawn_by_some_seed_and_left_out_by_another() -> None:
    by_seed = [{fault.kind for fault in drawn(seed)} for seed in range(50)]
    for kind in FaultKind:
        assert {kind.value in kinds for kinds in by_seed} == {True, False}


@pytest.mark.parametrize("line", ["", "1 crash g1111", "x crash g1111 - 0 1 in-commit", "1 flood g1111 - 0 1 -"])
def test_a_line_that_is_no_fault_is_refused_with_its_form(line: str) -> None:
    with pytest.raises(ModelError, match="expected `at_us kind node peer"):
        read_schedule(f"{line or 'nothing'}\n")


def test_shrinking_keeps_only_what_the_failure_needs() -> None:
    faults = drawn(3)
    needed = {faults[0], faults[-1]}
    assert set(shrink(faults, lambda candidate: needed <= set(candidate))) == needed


def test_shrinking_stops_when_its_runs_are_used_up() -> None:
    calls: list[int] = []

    def never(candidate: tuple[Fault, ...]) -> bool:
        calls.append(len(candidate))
        return False

    assert shrink(drawn(3), never, runs_max=3) == drawn(3)
    assert len(calls) == 3
