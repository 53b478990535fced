"""Rules of node.toml with and without a preset."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_ai.errors import SpecError
from edge_ai.spec import RuleKind
from node.cameras.rule_entries import ground_spec, rule_spec, severities, watches
from node.cameras.specs import camera_spec
from node.config.config import ConfigError, parse_config
from node.config.model import GroundEntry, RuleEntry

ZONE = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)]
NODE = '[node]\nid = "n1"\nlevel = "street"\nterritory = "370202006"\n'
CAMERA = '[[camera]]\nid = "cam"\nkind = "file"\nsource = "a.mp4"\nalgorithm = "motion-object"\n'
RULE = '[[camera.rule]]\nname = "r"\npoints = [[0, 0], [1, 0], [1, 1]]\n'


def test_values_of_the_rule_win_over_those_of_its_preset() -> None:
    spec = rule_spec(RuleEntry(name="r", preset="illegal-parking", points=ZONE, dwell_s=30.0))
    assert (spec.kind, spec.dwell_s, spec.still) == (RuleKind.DWELL, 30.0, True)
    assert "car" in spec.classes


def test_rule_without_a_preset_has_the_usual_values() -> None:
    assert rule_spec(RuleEntry(name="r", kind="zone", points=ZONE)).frames_min == 3


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, "neither kind nor preset"),
        ({"preset": "jaywalking"}, "preset 'jaywalking' is not known"),
        ({"preset": "crowding", "kind": "zone"}, "leave kind out"),
        ({"kind": "dwell", "schedule": ["always"]}, "schedule window 'always' refused"),
        ({"kind": "dwell", "when": "it rains"}, "write METRIC of DEVICE > VALUE"),
    ],
)
def test_rule_that_cannot_be_is_refused(facts: dict[str, object], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        rule_spec(RuleEntry(name="r", points=ZONE, **facts))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (CAMERA + RULE, "neither kind nor preset"),
        (CAMERA + RULE + 'kind = "speed"\n', "needs the ground plane"),
        (CAMERA + RULE + 'kind = "wrong-way"\n', "give the right way"),
        (CAMERA + RULE + 'preset = "water-level"\n', "give exactly 2"),
        (CAMERA + "[camera.ground]\nsize_m = [3.0]\n", "metres across and down"),
    ],
)
def test_configuration_names_the_rule_that_cannot_be(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse_config(NODE + text, Path("node.toml"))


def test_camera_of_the_configuration_reaches_its_worker_whole() -> None:
    text = CAMERA + "utc_offset_minutes = 540\nground = { size_m = [20.0, 10.0] }\n" + RULE + 'kind = "speed"\nspeed_kmh = 40.0\n'
    [entry] = parse_config(NODE + text, Path("node.toml")).cameras
    spec = camera_spec(entry, "370202006")
    assert (spec.utc_offset_minutes, spec.ground, spec.rules[0].speed_kmh) == (540, ground_spec(entry.ground), 40.0)
    assert ground_spec(GroundEntry()) is None


def test_incident_has_the_severity_of_the_preset_before_that_of_the_kind() -> None:
    fire, line = RuleEntry(name="r", preset="fire-smoke", points=ZONE), RuleEntry(name="r", kind="line", points=ZONE[:2])
    assert severities()[watches(fire)] == 4
    assert watches(line) not in severities()
