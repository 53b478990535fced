"""`yunnao simulate`: what it prints, and its exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from node.cli import main
from node.engine.pipeline import Pipeline
from node.errors import EXIT_NEGATIVE, EXIT_OK, EXIT_USAGE
from node.texts import catalogue
from policies.gate import CompiledGate


@pytest.mark.slow
def test_a_good_seed_is_printed_first_and_says_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--lang", "en", "simulate", "--seed", "3", "--nodes", "5"]) == EXIT_OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "seeds 3 to 3, 5 nodes, faults on"
    assert lines[1].startswith("seed 3  good  digest ")
    assert lines[2] == "1 of 1 seeds kept every promise"


@pytest.mark.slow
def test_json_is_one_object_a_seed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--seed", "3", "--seeds", "2", "--nodes", "5", "--faults", "off", "--json", "--processes", "1"]) == EXIT_OK
    reports = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(report["seed"], report["violations"], report["schedule"]) for report in reports] == [(3, [], []), (4, [], [])]


@pytest.mark.slow
def test_a_broken_promise_prints_the_line_to_paste_and_a_short_plan(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CompiledGate, "inspect", lambda gate, flow, header, rows: "")
    monkeypatch.setattr(Pipeline, "_decide", lambda pipe, lot, flow, gate: (_ for _ in ()).throw(ValueError("planted")))
    assert main(["--lang", "en", "simulate", "--seed", "2", "--nodes", "5"]) == EXIT_NEGATIVE
    printed = capsys.readouterr().out
    assert "run run it again" not in printed
    assert "  run it again: yunnao simulate --seed 2 --nodes 5 --faults on" in printed
    assert "planted" in printed


@pytest.mark.slow
def test_a_kept_world_leaves_its_journals(tmp_path: Path) -> None:
    assert main(["simulate", "--nodes", "5", "--keep", str(tmp_path / "world")]) == EXIT_OK
    left = {path.parent.name for path in (tmp_path / "world").glob("*/journal.db")}
    assert left >= {"d11", "g1111", "m1", "p0", "s111"}  # and the disks that faults copied


def test_a_schedule_that_cannot_be_read_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "plan").write_text("1 flood g1111 - 0 1 -\n")
    assert main(["simulate", "--schedule", str(tmp_path / "plan")]) == EXIT_USAGE
    assert "expected `at_us kind node peer for_us amount word`" in capsys.readouterr().err


def test_the_texts_exist_in_both_languages() -> None:
    keys = [{key for key in catalogue(language) if key.startswith("simulate.")} for language in ("zh", "en")]
    assert keys[0] == keys[1] != set()
