"""Scripts of simulated devices: the same for the same seed, and each fault shows in them."""

from __future__ import annotations

import json
from itertools import islice, pairwise
from random import Random

import pytest

from simulations.devices.faults import Fault, FaultError, faults_of, read_faults
from simulations.devices.script import BATTERY_READINGS, FLOOD_READINGS, LIES, Act, Plan, Step, script

BEGINS_US = 1_760_000_000_000_000
STEPS = 400


def steps(*faults: Fault, seed: int = 7) -> list[Step]:
    return list(islice(script(Plan("d1", seed, 1.0, BEGINS_US, faults, keep_alive_s=4.0)), STEPS))


def times_s(found: list[Step]) -> list[float]:
    return [json.loads(step.payload)["time"] for step in found if step.act is Act.SEND and not step.is_lie]


def test_the_same_plan_gives_the_same_steps_and_another_seed_others() -> None:
    everything = tuple(Fault)
    assert steps(*everything) == steps(*everything)
    assert steps(*everything) != steps(*everything, seed=8)


def test_a_sound_device_sends_one_reading_a_period_with_the_right_time() -> None:
    found = steps()
    assert {step.act for step in found} == {Act.SEND}
    assert [step.number for step in found] == list(range(1, STEPS + 1))
    assert all(abs(said - BEGINS_US / 1e6 - step.at_s) < 1e-3 for said, step in zip(times_s(found), found, strict=True))
    assert json.loads(found[4].payload)["text"] == "d1/5"


def test_a_drifting_clock_moves_away_and_a_clock_of_1970_stays_there() -> None:
    found = steps(Fault.DRIFT)
    wrong_s = [said - BEGINS_US / 1e6 - step.at_s for said, step in zip(times_s(found), found, strict=True)]
    assert abs(wrong_s[-1]) > 10 * abs(wrong_s[10]) > 0
    assert max(times_s(steps(Fault.EPOCH))) < 86_400


def test_a_jumping_clock_goes_back() -> None:
    found = times_s(steps(Fault.JUMP))
    assert any(later < earlier for earlier, later in pairwise(found))


@pytest.mark.parametrize(
    ("fault", "act"),
    [
        (Fault.FLAP, Act.BREAK), (Fault.DUPLICATE, Act.SEND_AGAIN), (Fault.DUPLICATE, Act.SEND_AGAIN_DUP), (Fault.SILENCE, Act.SILENT),
        (Fault.SLOW, Act.DEAF), (Fault.TAKEOVER, Act.TAKE_OVER), (Fault.GARBAGE, Act.GARBAGE),
    ],
)  # fmt: skip
def test_a_fault_shows_as_its_act(fault: Fault, act: Act) -> None:
    assert act in {step.act for step in steps(fault)}


def test_silence_is_longer_than_the_keep_alive_allows() -> None:
    assert {step.seconds for step in steps(Fault.SILENCE) if step.act is Act.SILENT} == {10.0}


def test_a_flood_is_many_readings_at_one_moment() -> None:
    moments = [step.at_s for step in steps(Fault.FLOOD)]
    assert max(moments.count(moment) for moment in set(moments)) >= FLOOD_READINGS


def test_lies_are_marked_carry_no_id_and_come_in_every_kind() -> None:
    lies = [step for seed in range(6) for step in steps(Fault.LIE, seed=seed) if step.is_lie]
    assert not any(b"d1/" in step.payload for step in lies)
    plan = Plan("d1", 1, 1.0, BEGINS_US)
    assert len({lie({"device": "d1", "value": 1.0, "quantity": "PM2.5"}, plan) for lie in LIES}) == len(LIES)


def test_a_battery_runs_down_and_the_device_is_gone() -> None:
    found = steps(Fault.BATTERY)
    left = [json.loads(step.payload)["value"] for step in found if b'"battery"' in step.payload]
    assert left == sorted(left, reverse=True)
    assert left[-1] < 10 < 90 < left[0]
    assert found[-1].act is Act.DIE
    assert sum(step.act is Act.SEND for step in found) <= BATTERY_READINGS[1] + 1


def test_faults_are_read_by_name_and_an_unknown_one_is_named() -> None:
    assert read_faults("drift, flap") == {Fault.DRIFT, Fault.FLAP}
    assert (read_faults("all"), read_faults("none")) == (frozenset(Fault), frozenset())
    with pytest.raises(FaultError, match=r"'flop' refused: any of all, none, drift"):
        read_faults("flap,flop")


def test_about_the_asked_share_of_devices_has_faults() -> None:
    rng = Random(5)
    had = [faults_of(rng, list(Fault), 0.3) for _ in range(1_000)]
    assert 250 < sum(bool(faults) for faults in had) < 350
    assert {len(faults) for faults in had} == {0, 1, 2}
    assert not any(faults_of(rng, (), 1.0) for _ in range(10))
