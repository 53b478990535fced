"""The order of analysis on a simulated clock: fairness, the alarm class, deadlines and heartbeats."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from random import Random

import pytest

from edge_ai.analysis.scheduler import HEARTBEAT_S, QUANTUM_S, Scheduler, Share
from sync.model import Instant

START = Instant(1_000_000)


@dataclass
class Load:
    """Cameras with a rate and a cost each, on so many callers, by a clock that only the load moves."""

    shares: list[Share]
    costs: dict[str, float]
    rng: Random
    callers: int = 1
    got_s: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    analysed: Counter[str] = field(default_factory=Counter)
    ages_s: list[float] = field(default_factory=list)

    def run(self, seconds: float) -> Scheduler[int]:
        scheduler: Scheduler[int] = Scheduler(self.shares)
        arrivals = {share.camera: self.rng.uniform(0, share.period_s) for share in self.shares}
        running: list[tuple[float, str, float, float]] = []
        now = 0.0
        while now < seconds:
            for at, camera, cost, taken in [job for job in running if job[0] <= now]:
                running.remove((at, camera, cost, taken))
                scheduler.finished(camera, cost)
                self.got_s[camera] += cost
                self.analysed[camera] += 1
                self.ages_s.append(at - taken)
            for share in self.shares:
                while arrivals[share.camera] <= now:
                    scheduler.offer(share.camera, 0, START.plus(arrivals[share.camera]), moves=True)
                    arrivals[share.camera] += share.period_s
            while len(running) < self.callers and (chosen := scheduler.choose(START.plus(now))) is not None:
                cost = self.costs[chosen.camera] * self.rng.uniform(0.7, 1.3)
                running.append((now + cost, chosen.camera, cost, chosen.taken.seconds_since(START)))
            now = min([*(job[0] for job in running), *arrivals.values()])
        return scheduler


def fair_shares(shares: list[Share], costs: dict[str, float], capacity: float) -> dict[str, float]:
    """Weighted max-min share of `capacity` (callers' seconds per second) by camera."""
    asked = {share.camera: costs[share.camera] / share.period_s for share in shares}
    weights = {share.camera: share.weight for share in shares}
    fair: dict[str, float] = {}
    while len(fair) < len(asked):
        open_ = {camera: weights[camera] for camera in asked if camera not in fair}
        level = (capacity - sum(fair.values())) / sum(open_.values())
        content = [camera for camera, weight in open_.items() if asked[camera] <= level * weight]
        if not content:
            return fair | {camera: level * weight for camera, weight in open_.items()}
        fair |= {camera: asked[camera] for camera in content}
    return fair


def cameras(rng: Random, *, load: float, alarms: int = 0) -> tuple[list[Share], dict[str, float]]:
    """Random rates, weights and costs that together ask `load` seconds a second; the alarm cameras ask a tenth of it."""
    count = rng.randint(10, 24)
    asked = [rng.uniform(0.3, 3.0) for _ in range(count)]
    shares, costs = [], {}
    for index, part in enumerate(asked):
        name, period_s, alarm = f"c{index}", 1 / rng.choice([2, 5, 10]), index < alarms
        shares.append(Share(camera=name, period_s=period_s, weight=rng.choice([1.0, 1.0, 2.0]), alarm=alarm))
        costs[name] = period_s * (load * 0.1 / alarms if alarm else load * (0.9 if alarms else 1.0) * part / sum(asked[alarms:]))
    return shares, costs


@pytest.mark.parametrize("seed", range(6))
def test_no_camera_falls_below_half_its_fair_share_at_150_percent_load(seed: int) -> None:
    rng = Random(seed)
    shares, costs = cameras(rng, load=1.5 * 2)
    load = Load(shares, costs, rng, callers=2)
    load.run(30)
    for camera, fair in fair_shares(shares, costs, 2.0).items():
        assert load.got_s[camera] / 30 >= 0.5 * fair, (camera, load.got_s, costs)
    assert sum(load.got_s.values()) / 30 >= 0.9 * 2, "overload wastes no time of the callers"


@pytest.mark.parametrize("seed", range(6))
def test_alarm_class_is_untouched_at_150_percent_load(seed: int) -> None:
    rng = Random(100 + seed)
    shares, costs = cameras(rng, load=1.5 * 2, alarms=1)
    # Nothing takes back a caller: the alarm's frame waits for the shortest of what runs, which must leave it time.
    alarm = shares[0] = replace(shares[0], period_s=1.0)
    costs[alarm.camera] = 0.1 * 1.5 * 2
    assert sum(costs[share.camera] / share.period_s for share in shares) >= 1.5 * 2 * 0.99
    scheduler = Load(shares, costs, rng, callers=2).run(30)
    assert scheduler.counts(alarm.camera).lost == 0
    assert scheduler.counts(alarm.camera).chosen >= 30 / alarm.period_s - 2


@pytest.mark.parametrize("seed", range(6))
def test_nearly_every_frame_is_analysed_at_70_percent_load(seed: int) -> None:
    rng = Random(200 + seed)
    shares = [Share(camera=f"c{index}", period_s=0.2) for index in range(8)]
    load = Load(shares, {share.camera: 0.7 * 2 * 0.2 / 8 for share in shares}, rng, callers=2)
    scheduler = load.run(60)
    offered = sum(scheduler.counts(share.camera).offered for share in shares)
    assert load.analysed.total() >= 0.99 * offered
    assert sorted(load.ages_s)[int(0.95 * len(load.ages_s))] <= 0.2


def test_newest_frame_of_a_camera_wins() -> None:
    scheduler: Scheduler[str] = Scheduler([Share(camera="a", period_s=0.2)])
    scheduler.offer("a", "old", START, moves=True)
    scheduler.offer("a", "new", START.plus(0.1), moves=True)
    chosen = scheduler.choose(START.plus(0.1))
    assert chosen is not None
    assert chosen.frame == "new"
    assert scheduler.counts("a").replaced == 1


def test_frame_older_than_one_period_is_dropped_and_counted() -> None:
    scheduler: Scheduler[str] = Scheduler([Share(camera="a", period_s=0.2)])
    scheduler.offer("a", "old", START, moves=True)
    assert scheduler.choose(START.plus(0.21)) is None
    assert (scheduler.counts("a").late, scheduler.counts("a").lost) == (1, 1)


def test_camera_has_one_frame_in_analysis_at_a_time() -> None:
    scheduler: Scheduler[int] = Scheduler([Share(camera="a", period_s=0.2)])
    scheduler.offer("a", 1, START, moves=True)
    assert scheduler.choose(START) is not None
    scheduler.offer("a", 2, START, moves=True)
    assert scheduler.choose(START) is None
    scheduler.finished("a", 0.01)
    assert scheduler.choose(START) is not None


def test_quiet_picture_is_analysed_by_the_heartbeat_and_else_spared() -> None:
    scheduler: Scheduler[int] = Scheduler([Share(camera="a", period_s=0.2)])
    chosen = 0
    for second in range(61):
        now = START.plus(second)
        scheduler.offer("a", second, now, moves=False)
        if scheduler.choose(now) is not None:
            scheduler.finished("a", 0.01)
            chosen += 1
    assert chosen == 60 / HEARTBEAT_S + 1
    assert scheduler.counts("a").spared == 61 - chosen
    assert scheduler.counts("a").lost == 0


def test_dear_camera_waits_for_its_credit_and_is_served_in_the_end() -> None:
    shares = [Share(camera="dear", period_s=1), Share(camera="cheap", period_s=1)]
    scheduler: Scheduler[int] = Scheduler(shares)
    for _ in range(30):
        scheduler.offer("dear", 0, START, moves=True)
        scheduler.offer("cheap", 0, START, moves=True)
        chosen = scheduler.choose(START)
        assert chosen is not None
        scheduler.finished(chosen.camera, 10 * QUANTUM_S if chosen.camera == "dear" else QUANTUM_S)
    assert 3 <= scheduler.counts("dear").chosen <= 6
    assert scheduler.counts("dear").chosen + scheduler.counts("cheap").chosen == 30
