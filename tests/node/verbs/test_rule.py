"""`yunnao rule` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from node.cli import main
from node.errors import EXIT_NEGATIVE, EXIT_OK, EXIT_USAGE
from simulations.devices.street_clip import write_street_clip

NODE = '[node]\nid = "n1"\nlevel = "street"\nterritory = "370202006"\n'
CAMERA = """
[[camera]]
id = "street"
kind = "rendered"
source = "other.avi"
algorithm = "street-s"
[[camera.rule]]
name = "road"
kind = "zone"
points = [[0.2, 0.4], [0.8, 0.4], [0.8, 0.9], [0.2, 0.9]]
"""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "street.avi"
    write_street_clip(path, seed=7, seconds=6, fps=5)
    return path


@pytest.mark.slow
def test_rule_of_a_camera_is_tried_on_a_clip(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "node.toml").write_text(NODE + CAMERA)
    out = tmp_path / "pictures"
    assert main(["--dir", str(tmp_path), "rule", "try", "road", "--clip", str(clip), "--out", str(out), "--json"]) == EXIT_OK
    said = json.loads(capsys.readouterr().out)
    begun = [event for event in said["events"] if not event["ended"]]
    assert begun
    assert sorted(path.name for path in out.iterdir()) == sorted(event["picture"] for event in begun)
    assert all((out / event["picture"]).read_bytes().startswith(b"\xff\xd8") for event in begun)
    by_value = {rung["value"]: rung["events"] for rung in said["rungs"]}
    assert by_value[3] == len(begun), "the rule over its recorded tracks says what it said in the pipeline"
    assert list(by_value.values()) == sorted(by_value.values(), reverse=True)


def test_preset_that_never_speaks_has_exit_code_1(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--dir", str(tmp_path), "rule", "try", "fire-smoke", "--clip", str(clip), "--out", str(tmp_path / "p")]
    assert main(words) == EXIT_NEGATIVE
    assert "0 events in 5.8 s" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("rule", "more", "words"),
    [
        ("nobody", [], "neither a camera's nor a preset"),
        ("muck-truck", [], "needs a model"),
        ("water-level", [], "needs the two points of the gauge"),
        ("crowding", ["--camera", "none"], "camera 'none' is not in"),
        ("crowding", ["--algorithm", "motion-object", "--model", "m.onnx"], "--model m.onnx refused: algorithm motion-object takes none"),
    ],
)
def test_rule_that_cannot_be_tried_says_why(
    rule: str, more: list[str], words: str, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--dir", str(tmp_path), "rule", "try", rule, "--clip", str(clip), *more]) == EXIT_USAGE
    assert words in capsys.readouterr().err


def test_clip_that_is_no_video_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no video at all" * 100)
    assert main(["--dir", str(tmp_path), "rule", "try", "fire-smoke", "--clip", str(tmp_path / "a.mp4"), "--out", str(tmp_path / "p")]) != 0
    assert "a.mp4" in capsys.readouterr().err
    assert main(["--dir", str(tmp_path), "rule", "try", "fire-smoke", "--clip", str(tmp_path / "b.mp4")]) == EXIT_USAGE


def test_presets_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rule", "presets", "--json"]) == EXIT_OK
    assert "illegal-parking" in {preset["name"] for preset in json.loads(capsys.readouterr().out)}
