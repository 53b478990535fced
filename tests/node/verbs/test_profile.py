"""`yunnao profile`: an installer sees what a message becomes, and every refusal with its reason, without a node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from node.cli import main
from node.errors import EXIT_CONFIG, EXIT_NEGATIVE, EXIT_OK, EXIT_USAGE
from node.ingest.profile_files.load import SHIPPED
from tests.node.ingest.profile_files.test_files import GOOD
from tests.node.ingest.sl651.station import TEST

SL651 = 'source = "the standard"\nformat = "sl651"\n[[quantity]]\nname = "Z"\nunit = "m"\nlow = 0\nhigh = 0.1\n'


def said(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Exit code, results and remarks of `yunnao --lang en profile ...`."""
    code = main(["--lang", "en", "profile", *map(str, words)])
    out, remarks = capsys.readouterr()
    return code, out, remarks


def results(capsys: pytest.CaptureFixture[str], *words: object) -> Any:
    """The JSON of a call that went well."""
    code, out, _ = said(capsys, *words, "--json")
    assert code == EXIT_OK
    return json.loads(out)


def test_the_shipped_profiles_are_listed_and_shown(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert {entry["name"] for entry in results(capsys, "list", "--dir", tmp_path)} == {path.stem for path in SHIPPED.glob("*.toml")}
    code, out, _ = said(capsys, "show", "dragino-lht65")
    assert code == EXIT_OK
    assert "temperature_external" in out


def test_a_nodes_own_profiles_are_listed_with_the_shipped_ones(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "well.toml").write_text(GOOD, "utf-8")
    node = '[node]\nid = "s1"\nlevel = "street"\nterritory = "370202001"\n[devices]\nprofile_folder = "mine"\n'
    (tmp_path / "node.toml").write_text(node, "utf-8")
    names = {entry["name"] for entry in results(capsys, "list", "--dir", tmp_path)}
    assert {"well", "tasmota"} <= names


def test_a_file_is_checked_with_line_and_way_out(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "well.toml"
    path.write_text(GOOD, "utf-8")
    assert said(capsys, "check", path)[0] == EXIT_OK
    path.write_text(GOOD.replace('"cm"', '"degC"'), "utf-8")
    code, _, remarks = said(capsys, "check", path)
    assert code == EXIT_CONFIG
    assert "well.toml:14: 'unit'" in remarks


def test_a_json_message_becomes_readings(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "well.toml").write_text(GOOD, "utf-8")
    (tmp_path / "m.json").write_text('{"data": {"level": 312}, "bat": 88}', "utf-8")
    found = results(capsys, "try", tmp_path / "well.toml", "--message", tmp_path / "m.json", "--topic", "site/well-7/up")
    assert [(entry["device"], entry["quantity"], entry["value"], entry["unit"]) for entry in found] == [
        ("well-7", "level", 3.12, "m"),
        ("well-7", "battery", 88.0, "%"),
    ]


def test_a_bare_payload_and_a_whole_frame_are_read(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = results(capsys, "try", "dragino-lht65", "--payload", "CBF60B0D0376010ADD7FFF", "--port", "2")
    assert [entry["value"] for entry in found] == [3.062, 28.29, 88.6, 27.81]
    (tmp_path / "level.toml").write_text(SL651, "utf-8")
    (tmp_path / "frame.txt").write_text(TEST.hex(" "), "utf-8")
    found = results(capsys, "try", tmp_path / "level.toml", "--message", tmp_path / "frame.txt", "--hex")
    assert {entry["quantity"]: entry["value"] for entry in found} == {"PJ": 0.5, "PT": 0.5, "Z": None, "VT": 11.15}


def test_a_message_that_cannot_be_used_is_told_with_its_reason(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text('{"DHT22": {"Temperature": 20}, "TempUnit": "Z"}', "utf-8")
    code, _, remarks = said(capsys, "try", "tasmota", "--message", tmp_path / "m.json")
    assert code == EXIT_NEGATIVE
    assert "unit_does_not_convert" in remarks
    assert "'Z' is no UCUM code known here" in remarks


@pytest.mark.parametrize(
    ("words", "remark"),
    [
        (("show", "nosuch"), "there is no profile 'nosuch'"),
        (("try", "tasmota", "--message", "nosuch.json"), "cannot be read"),
        (("try", "tasmota", "--payload", "00"), "use --message"),
        (("try", "dragino-lht65", "--payload", "0G"), "is not hex"),
        (("poll", "tasmota", "127.0.0.1:1"), "only devices of format modbus are polled"),
        (("poll", "eastron-sdm630", "nowhere"), "is not host:port"),
    ],
)
def test_what_makes_no_sense_is_told(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], remark: str) -> None:
    code, _, remarks = said(capsys, *words)
    assert code == EXIT_USAGE
    assert remark in remarks


def test_a_device_that_does_not_answer_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, remarks = said(capsys, "poll", "eastron-sdm630", "127.0.0.1:1", "--timeout", "0.5")
    assert code == EXIT_NEGATIVE
    assert "unreachable" in remarks
