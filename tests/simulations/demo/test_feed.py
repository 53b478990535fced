"""The pace of the demo's sensors."""

from __future__ import annotations

from simulations.demo.feed import BURST_STEPS, REST_S, sending_second
from sync.core.lanes import LINGER_S
from sync.model import Lane


def test_a_step_goes_out_each_second_and_a_rest_follows_each_burst() -> None:
    seconds = [sending_second(step) for step in range(BURST_STEPS + 1)]
    assert seconds == [*range(BURST_STEPS), BURST_STEPS + REST_S]


def test_the_rest_is_longer_than_bulk_records_need_to_the_province() -> None:
    hops = 4
    assert hops * LINGER_S[Lane.BULK] < REST_S
