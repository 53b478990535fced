"""`yunnao alarm`: a sentence for every kind in both languages, and an exit code that says whether somebody must look."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from edge_ai.sensors import AlarmKind
from node.client import NodeClient
from node.sensor_alarms.alarm import DeviceAlarmKind
from node.sensor_alarms.words import why
from node.texts import LANGUAGES
from node.verbs import alarm

FACTS: dict[str, dict[str, Any]] = {
    "range": {"low": 0.0, "high": None},
    "rate": {"before": 1.0, "per_hour": 18.0, "limit": 5.0},
    "stuck": {"same_s": 700.0, "limit_s": 600.0},
    "gap": {"since_us": 1.0, "limit_s": 60.0, "last": 5.0},
    "level": {"expected": 20.0, "deviation": 4.2, "highest": 3.1},
    "jump": {"before": 20.0, "deviation": 7.5, "highest": 5.0},
    "drift": {"shift": 0.8},
    "silent": {"quiet_s": 200, "period_s": 60},
    "silent-group": {"count": 40, "watched": 41},
    "group": {"distance": 9.0, "deviation": 5.0, "highest": 2.0, "shares": {"a/CO": 0.62, "b/CO": 0.2}},
}


def holding(kind: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": "a1", "resource": "air-quality", "device": "air-1", "quantity": "CO", "kind": kind, "time_us": 1_790_000_000_000_000,
        "value": 512.5, "facts": FACTS[kind], "territory": "370202", "severity": 0, **changes,
    }  # fmt: skip


def said_of(held: dict[str, Any], language: str = "en") -> str:
    return why(held["kind"], held["value"], held["facts"], language)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", [kind.value for kind in (*AlarmKind, *DeviceAlarmKind)])
def test_every_kind_has_a_sentence_with_its_numbers(kind: str, language: str) -> None:
    said = said_of(holding(kind), language)
    assert "{" not in said
    assert any(character.isdigit() for character in said)


def test_shares_are_named_and_a_bound_that_is_none_is_said() -> None:
    assert "a/CO 62%, b/CO 20%" in said_of(holding("group"))
    assert said_of(holding("range")) == "512.5 lies outside 0 to (no bound)"


def test_what_another_program_says_is_no_fault() -> None:
    assert why("tilt", 1.0, {}, "en") == "tilt"
    assert why("gap", 1.0, ["{x}"], "en") == "no reading for ? s; the last was ?"
    assert why("gap", "{0}", {"last": "{boom}", "limit_s": [1]}, "en") == "no reading for [1] s; the last was {boom}"


def run(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], *, json: bool = False, below: bool = False) -> int:
    asked = "sensor_alarms_below" if below else "sensor_alarms"
    monkeypatch.setattr(NodeClient, "call", lambda self, verb, **arguments: {asked: answer}[verb])
    return alarm.run(argparse.Namespace(dir=Path(), json=json, below=below, language="en"))


def test_the_exit_code_says_whether_a_limit_with_a_severity_is_broken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = {
        "series": 3,
        "left_out": {"flood": 7, "ahead_of_time": 1},
        "unwatched": ["water-level"],
        "fault": "watch.db failed",
        "hidden": 4,
        "grave": False,
    }
    assert run(monkeypatch, {"holding": [holding("level")], **shared}) == 0
    said = capsys.readouterr().out
    for word in ("air-1", "3 series", "7 of a flood", "1 from ahead", "water-level", "watch.db failed", "4 more hold"):
        assert word in said
    assert run(monkeypatch, {"holding": [holding("range", severity=2)], **shared, "grave": True}) == 1
    assert run(monkeypatch, {"holding": [holding("range", severity=2)], **shared, "grave": True}, json=True) == 1


def test_a_quiet_site_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, {"holding": [], "series": 12, "left_out": {}, "unwatched": [], "fault": ""}) == 0
    assert capsys.readouterr().out == "No sensor alarm holds. 12 series are watched.\n"


def test_alarms_of_nodes_below_name_their_node(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, {"holding": []}, below=True) == 0
    assert capsys.readouterr().out == "No alarm of a node below holds here.\n"
    assert run(monkeypatch, {"holding": [holding("level", node="grid-1")]}, below=True) == 0
    assert run(monkeypatch, {"holding": [holding("range", node="grid-2", severity=2)]}, below=True) == 1
    said = capsys.readouterr().out
    assert "grid-1" in said
    assert "grid-2" in said
