"""A province of an older program brings, once and by itself, what its program newly ships; what people withdrew or changed stays so."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from node.clock import SystemClock
from node.config.config import NodeConfig
from node.identity.bundle_seal import BundleSeal
from node.identity.files import IdentityFiles
from node.policy.presets import FILE_NAME, FIRST, names_in, with_presets
from node.policy.store import PolicyStore
from policies import Bundle, CompiledGate, Contents, Ruleset, Station
from policies.presets import city_bundle_contents
from sync.model import MICROSECONDS, Level
from tests.node.station import call, make_station, running

SHIPPED = city_bundle_contents(Level.PROVINCIAL)
OTHERS_NEWER = {"camera-clips", "camera-directory", "devices", "model-usage", "sealed-envelopes", "sensor-alarms"}
NEWER = frozenset(resource.code for resource in SHIPPED.catalogue if resource.is_of_facts) | OTHERS_NEWER
"""What ships since the first program."""
DAY_US = 86_400 * MICROSECONDS


def first_contents() -> Contents:
    """What the first program issued: nothing newer, no scales."""
    return replace(SHIPPED, catalogue=tuple(one for one in SHIPPED.catalogue if one.code not in NEWER), scales=())


def store_of(config: NodeConfig) -> PolicyStore:
    """The node's bundles, read as a node reads them at its start."""

    def gate(rules: Ruleset) -> CompiledGate:
        return CompiledGate(rules, Station("shandong", Level.PROVINCIAL), now_us=SystemClock().wall_us())

    return PolicyStore(config.folder / "policy", seal=BundleSeal(IdentityFiles(config.folder)), compile_gate=gate, clock=SystemClock())


def hold(config: NodeConfig, contents: Contents, *, epoch: int) -> None:
    """Leave the node with a bundle of its own, as an earlier life left it."""
    now_us = SystemClock().wall_us()
    bundle = Bundle("shandong", Level.PROVINCIAL, epoch, now_us - DAY_US, now_us + DAY_US, contents)
    store_of(config).install(BundleSeal(IdentityFiles(config.folder)).sign(bundle))


def live_once(config: NodeConfig) -> list[dict[str, object]]:
    """One life of the node; what it entered about presets."""

    async def life() -> list[dict[str, object]]:
        async with running(config):
            page = await call(config, "audit_log", kinds=["policy"], subject="presets")
        entries = page["entries"]
        assert isinstance(entries, list)
        return entries

    return asyncio.run(life())


def held(config: NodeConfig) -> Bundle:
    """What the node left in force of its own."""
    found = store_of(config).held("shandong")
    assert found is not None
    return found


@pytest.mark.slow
def test_an_older_province_brings_what_is_new_with_its_next_epoch_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = make_station(tmp_path / "node")
    edited = first_contents()
    edited = replace(edited, catalogue=tuple(replace(one, period_s=77) if one.code == "residents" else one for one in edited.catalogue))
    hold(config, edited, epoch=7)
    with caplog.at_level(logging.INFO, "yunnao.policy"):
        (entry,) = live_once(config)
    assert entry["detail"] == {"epoch": 8, "brought": sorted({*(f"catalogue/{code}" for code in NEWER), "scales/residents*"})}
    assert {"catalogue/recalls", "catalogue/reviews", "scales/residents*"} <= set(entry["detail"]["brought"])
    assert entry["by"] == "program"
    assert sum("newly ships" in record.message for record in caplog.records) == 1
    after = held(config)
    assert after.epoch == 8
    assert {one.code: one for one in after.contents.catalogue}["residents"].period_s == 77
    assert frozenset(names_in(after.contents)) == frozenset(names_in(SHIPPED))
    assert len(live_once(config)) == 1
    assert held(config).epoch == 8


@pytest.mark.slow
def test_what_was_withdrawn_since_it_was_brought_does_not_come_back(tmp_path: Path) -> None:
    config = make_station(tmp_path / "node")
    assert live_once(config) == []
    assert set(json.loads((config.data_dir / FILE_NAME).read_text())["offered"]) >= set(names_in(SHIPPED))
    less = replace(SHIPPED, catalogue=tuple(one for one in SHIPPED.catalogue if one.code not in ("reviews", "air-quality")))
    hold(config, less, epoch=2)
    assert live_once(config) == []
    assert held(config).epoch == 2


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["{", '{"offered": [7, null]}'])
def test_a_damaged_memory_costs_an_offer_of_what_is_newer_than_the_first_program_and_no_start(tmp_path: Path, damage: str) -> None:
    config = make_station(tmp_path / "node")
    hold(config, replace(SHIPPED, catalogue=tuple(one for one in SHIPPED.catalogue if one.code not in ("reviews", "air-quality"))), epoch=3)
    config.data_dir.mkdir(parents=True, exist_ok=True)
    (config.data_dir / FILE_NAME).write_text(damage)
    (entry,) = live_once(config)
    assert entry["detail"] == {"epoch": 4, "brought": ["catalogue/reviews"]}


def test_what_is_held_is_never_changed_by_what_is_brought() -> None:
    lacking = first_contents()
    brought = with_presets(lacking, SHIPPED, frozenset(["catalogue/reviews", "masks/none-such"]))
    assert brought.catalogue[: len(lacking.catalogue)] == lacking.catalogue
    assert [one.code for one in brought.catalogue[len(lacking.catalogue) :]] == ["reviews"]
    assert (brought.masks, brought.ceiling, brought.release, brought.entries) == (
        lacking.masks,
        lacking.ceiling,
        lacking.release,
        lacking.entries,
    )


def test_the_first_program_shipped_resources_and_masks_that_still_ship() -> None:
    assert frozenset(names_in(first_contents())) == FIRST
