"""`yunnao bench ai`: what it keeps, how it judges, and what the doctor and a starting node make of it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from edge_ai.errors import SpecError
from edge_ai.looks.capacity import AlgorithmCost, Measured
from edge_ai.spec import CameraSpec
from node.cameras import admission
from node.cameras.admission import MEASUREMENT, admission_of, cores, measurement_of
from node.clock import SystemClock
from node.config.config import CONFIG_NAME, NodeConfig, load_config
from node.doctor.model import Finding, Place, Severity
from node.doctor.node import room_for_cameras
from node.verb import UsageError
from node.verbs import bench

CAMERA = '\n[[camera]]\nid = "c{index}"\nkind = "rtsp"\nsource = "rtsp://x/"\nalgorithm = "motion-object"\n'


def measured(decode_ms: float) -> Measured:
    return Measured(
        at_us=1, cpu="a cpu", cores=cores(), software={}, clip="clip", decode_ms=decode_ms, convert_ms=0.5, gate_ms=0.1, copy_ms=0.4,
        algorithms={"motion-object": AlgorithmCost(detect_ms=1.0)},
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    text = '[node]\nid = "n1"\nlevel = "provincial"\nterritory = "37"\n' + "".join(CAMERA.format(index=index) for index in range(3))
    (tmp_path / CONFIG_NAME).write_text(text, encoding="utf-8")
    return tmp_path


def finding(folder: Path) -> Finding:
    return room_for_cameras(Place(folder, SystemClock(), load_config(folder / CONFIG_NAME)))


def keep(folder: Path, found: Measured) -> None:
    (folder / MEASUREMENT).write_bytes(msgspec.json.encode(found))


def test_box_without_a_measurement_admits_all_and_the_doctor_says_so(folder: Path) -> None:
    config = load_config(folder / CONFIG_NAME)
    assert admission_of((), config) is None
    assert (finding(folder).severity, "was not measured: all 3 cameras" in finding(folder).words("en")) == (Severity.WARN, True)


def test_measurement_of_another_box_does_not_count(folder: Path) -> None:
    keep(folder, msgspec.structs.replace(measured(1.0), cores=cores() + 1))
    assert measurement_of(folder) is None


def test_damaged_measurement_admits_all_and_the_doctor_says_so(folder: Path) -> None:
    (folder / MEASUREMENT).write_bytes(b"{]")
    assert admission_of((), load_config(folder / CONFIG_NAME)) is None
    assert "measure again with `yunnao bench ai`" in finding(folder).words("en")
    with pytest.raises(SpecError):
        measurement_of(folder)


def test_doctor_tells_how_much_is_asked_and_what_has_no_room(folder: Path) -> None:
    keep(folder, measured(0.1))
    assert finding(folder).severity is Severity.OK
    keep(folder, measured(700.0 * cores() / 25 / 2))
    assert finding(folder).severity is Severity.WARN
    assert "2 are refused" in finding(folder).words("en")


@pytest.mark.parametrize(("decode_ms", "status"), [(0.1, 0), (1_000.0, 1)])
def test_verb_prints_the_figures_and_its_exit_code_says_whether_all_fit(
    decode_ms: float, status: int, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measure_box(_config: NodeConfig, cameras: Sequence[CameraSpec], _clip: Path | None) -> tuple[Measured, list[str]]:
        assert len(cameras) == 3
        return measured(decode_ms), []

    monkeypatch.setattr(bench, "measure_box", measure_box)
    assert bench.run(argparse.Namespace(dir=folder, clip=None, json=True, language="en")) == status
    shown = json.loads(capsys.readouterr().out)
    assert len(shown["admission"]["refused"]) == (3 if status else 0)
    assert bench.run(argparse.Namespace(dir=folder, clip=None, json=False, language="zh")) == status
    assert ("没有余量" in capsys.readouterr().out) is bool(status)


def test_clip_that_is_no_file_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="name one video"):
        bench.run(argparse.Namespace(dir=folder, clip=folder / "none.mp4", json=False, language="en"))


@pytest.mark.slow
def test_box_is_measured_by_a_process_and_the_figures_are_kept_without_sources(folder: Path) -> None:
    config = load_config(folder / CONFIG_NAME)
    found, unmeasured = admission.measure_box(config, [], None)
    assert measurement_of(folder) == found
    assert unmeasured == []
    assert set(found.algorithms) == {"motion-object", "street-s"}
    assert "rtsp" not in (folder / MEASUREMENT).read_text(encoding="utf-8")
