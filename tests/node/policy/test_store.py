"""Bundles on disk and in force: newer ones replace older ones, all of an offer or none, and a bad one never keeps a node from starting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from node.identity.bundle_seal import BundleSeal
from node.policy.issuing import Issuer, IssueRefused
from node.policy.store import HELD_FOR_A_TIME, HELD_OUT_OF_DATE, PolicyStore
from policies import CompiledGate, Ruleset, Station
from policies.bundle import SignedBundle
from policies.errors import PolicyError
from policies.presets import preset_bundle
from sync.model import Level, PolicyVersion
from tests.node.identity.family import CITY, DISTRICT, NOW_US, PROVINCE, StandingClock, make_node

LEVELS = {"shandong": Level.PROVINCIAL, "qingdao": Level.MUNICIPAL}


@dataclass
class Town:
    """A district's store, and the seals of those above it."""

    seals: dict[str, BundleSeal]
    folder: Path
    clock: StandingClock

    def store(self, *, compile_gate: Callable[[Ruleset], CompiledGate] | None = None) -> PolicyStore:
        station = Station("shinan", Level.DISTRICT)
        default = lambda rules: CompiledGate(rules, station, now_us=self.clock.wall_us())  # noqa: E731
        return PolicyStore(self.folder, seal=self.seals["shinan"], compile_gate=compile_gate or default, clock=self.clock)

    def signed(self, issuer: str, *, epoch: int = 1, not_after_us: int = NOW_US + 10) -> SignedBundle:
        level = LEVELS[issuer]
        return self.seals[issuer].sign(
            replace(preset_bundle(level, issuer=issuer, not_before_us=0, not_after_us=not_after_us), epoch=epoch)
        )


@pytest.fixture
def town(tmp_path: Path) -> Town:
    province = make_node(tmp_path, PROVINCE)
    city = make_node(tmp_path, CITY, parent=province)
    district = make_node(tmp_path, DISTRICT, parent=city)
    seals = {"shandong": BundleSeal(province), "qingdao": BundleSeal(city), "shinan": BundleSeal(district)}
    return Town(seals, tmp_path / "policy", StandingClock())


def test_bundles_come_into_force_and_are_told_once(town: Town) -> None:
    store, news = town.store(), []
    store.on_new = lambda: news.append(store.version)
    store.take([town.signed("shandong").encode(), town.signed("qingdao").encode()])
    assert news == [PolicyVersion.of({"shandong": 1, "qingdao": 1})]
    store.take([town.signed("shandong").encode()])
    assert len(news) == 1


def test_a_restart_finds_the_bundles_in_force(town: Town) -> None:
    town.store().take([town.signed("shandong", epoch=3).encode()])
    assert town.store().version == PolicyVersion.of({"shandong": 3})


def test_an_older_epoch_changes_nothing(town: Town) -> None:
    store = town.store()
    store.take([town.signed("shandong", epoch=3).encode()])
    store.take([town.signed("shandong", epoch=2).encode()])
    assert store.version.epoch("shandong") == 3


def test_of_two_epochs_in_one_offer_the_newer_wins(town: Town) -> None:
    store = town.store()
    store.take([town.signed("shandong", epoch=3).encode(), town.signed("shandong", epoch=2).encode()])
    assert store.version.epoch("shandong") == 3


def test_another_bundle_of_the_same_epoch_is_refused(town: Town) -> None:
    store = town.store()
    store.take([town.signed("shandong").encode()])
    with pytest.raises(PolicyError, match="differs from the one held"):
        store.take([town.signed("shandong", not_after_us=NOW_US + 99).encode()])


def test_a_forged_bundle_in_an_offer_keeps_the_sound_one_available(town: Town) -> None:
    store, sound = town.store(), town.signed("shandong")
    forged = replace(town.signed("qingdao"), signature=bytes(64))
    with pytest.raises(PolicyError, match="signature"):
        store.take([sound.encode(), forged.encode()])
    assert store.version == PolicyVersion()
    store.take([sound.encode()])
    assert store.version == PolicyVersion.of({"shandong": 1})


def test_rules_that_do_not_compile_are_not_kept(town: Town) -> None:
    def refuse(rules: Ruleset) -> CompiledGate:
        if not rules.is_empty:
            raise PolicyError("they contradict each other")
        return CompiledGate(rules, Station("shinan", Level.DISTRICT), now_us=NOW_US)

    store = town.store(compile_gate=refuse)
    with pytest.raises(PolicyError, match="contradict"):
        store.take([town.signed("shandong").encode()])
    assert (store.version, list(town.folder.iterdir())) == (PolicyVersion(), [])
    assert town.store().version == PolicyVersion()


def test_a_disk_that_keeps_nothing_is_a_policy_error_and_the_rules_hold(town: Town) -> None:
    store = town.store()
    town.folder.rmdir()
    with pytest.raises(PolicyError, match="free space"):
        store.take([town.signed("shandong").encode()])
    assert store.version == PolicyVersion.of({"shandong": 1})


def test_a_peer_lacks_what_is_newer_and_concerns_its_territory(town: Town) -> None:
    store = town.store()
    bundles = [town.signed("shandong").encode(), town.signed("qingdao").encode()]
    store.take(bundles)
    assert set(store.missing_in(PolicyVersion(), "370202")) == set(bundles)
    assert store.missing_in(PolicyVersion.of({"qingdao": 1}), "370202") == (bundles[0],)
    assert store.missing_in(PolicyVersion(), "3706") == (bundles[0],)


def test_the_gate_is_compiled_again_when_a_date_passes(town: Town) -> None:
    store = town.store()
    store.take([town.signed("shandong").encode()])
    before = store.gate
    assert store.gate is before
    town.clock.us = NOW_US + 20
    assert store.gate is not before


def dated(town: Town, store_clock_us: int) -> tuple[PolicyStore, list[frozenset[str]]]:
    """A store that begins at a time, with a bundle in force from NOW_US - 10 to NOW_US + 10, and what it tells."""
    town.clock.us = store_clock_us
    store, told = town.store(), list[frozenset[str]]()
    store.on_dates = told.append
    bundle = preset_bundle(Level.PROVINCIAL, issuer="shandong", not_before_us=NOW_US - 10, not_after_us=NOW_US + 10)
    store.install(town.seals["shandong"].sign(bundle))
    return store, told


def test_a_clock_that_begins_in_1970_tells_once_when_it_comes_right(town: Town) -> None:
    store, told = dated(town, 5)
    store.look_at_dates()
    assert (told, store.gate.book.stale) == ([], True)
    town.clock.us = NOW_US
    store.look_at_dates()
    store.look_at_dates()
    assert (told, store.gate.book.stale) == ([HELD_FOR_A_TIME], False)


def test_a_date_that_another_thread_noticed_is_told_all_the_same(town: Town) -> None:
    store, told = dated(town, 5)
    town.clock.us = NOW_US
    assert not store.gate.book.stale
    store.look_at_dates()
    assert told == [HELD_FOR_A_TIME]


def test_a_clock_that_was_years_ahead_and_is_set_back_makes_the_plans_again(town: Town) -> None:
    store, told = dated(town, NOW_US + 1_000)
    was_stale = store.gate.book.stale
    town.clock.us = NOW_US
    store.look_at_dates()
    assert (was_stale, store.gate.book.stale, told) == (True, False, [HELD_FOR_A_TIME])


def test_a_node_that_starts_inside_the_dates_asks_for_what_an_earlier_life_held(town: Town) -> None:
    dated(town, 5)
    town.clock.us = NOW_US
    store, told = town.store(), list[frozenset[str]]()
    store.on_dates = told.append
    store.look_at_dates()
    store.look_at_dates()
    assert told == [HELD_OUT_OF_DATE]


async def test_what_was_prepared_in_a_thread_comes_into_force_with_the_take_and_not_before(town: Town) -> None:
    store, offered = town.store(), (town.signed("shandong").encode(), town.signed("qingdao").encode())
    await store.prepare(offered)
    assert store.version == PolicyVersion()
    store.take(offered)
    assert store.version == PolicyVersion.of({"shandong": 1, "qingdao": 1})


async def test_what_was_prepared_before_another_bundle_came_is_worked_out_again(town: Town) -> None:
    store, offered = town.store(), (town.signed("shandong").encode(),)
    await store.prepare(offered)
    store.install(town.signed("qingdao"))
    store.take(offered)
    assert store.version == PolicyVersion.of({"shandong": 1, "qingdao": 1})


async def test_a_forged_bundle_is_refused_while_it_is_prepared(town: Town) -> None:
    store, forged = town.store(), replace(town.signed("shandong"), signature=b"x" * 64)
    with pytest.raises(PolicyError, match="signature does not hold"):
        await store.prepare((forged.encode(),))
    assert store.version == PolicyVersion()


async def test_an_issue_in_a_thread_that_another_overtook_is_not_in_force(town: Town) -> None:
    store = town.store()
    issuer = Issuer("shandong", Level.PROVINCIAL, town.seals["shandong"].sign, store, town.clock)
    late = issuer.next_bundle(lambda contents: contents)
    store.install(town.signed("shandong", epoch=5))
    with pytest.raises(IssueRefused, match="issue it again"):
        await issuer.issue_aside(late)
    await issuer.issue_aside(issuer.next_bundle(lambda contents: contents))
    assert store.version == PolicyVersion.of({"shandong": 6})
