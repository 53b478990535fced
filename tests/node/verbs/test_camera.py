"""`yunnao camera` on a folder without a running node: lists, sheets, looks in a real process, and no password anywhere but in its file."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from node.cameras.credentials import CREDENTIALS_NAME, read_credentials
from node.catalogue.csv_sheet import write_csv
from node.catalogue.xlsx import write_xlsx
from node.cli import main
from node.client import NodeClient
from node.config.config import load_config
from node.errors import EXIT_NEGATIVE, EXIT_OK, EXIT_REFUSED, EXIT_USAGE
from tests.node.cameras.folder import CODE, GATE, made

SECRET = "hidden-word"
Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the verb in a made folder, with a line of standard input."""
    made(tmp_path)

    def ran(*words: str, typed: str = "") -> int:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed + "\n"))
        return main(["--lang", "en", "--dir", str(tmp_path), "camera", *words])

    return ran


@pytest.mark.slow
def test_a_camera_is_entered_changed_shown_and_taken_out(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("add", "gate-1", "--vendor", "dahua", "--host", "10.1.2.3", "--stream", "main", "--user", "admin", "--code", CODE)
    assert run(*words, typed=SECRET) == EXIT_OK
    assert run("add", "gate-1", "--name", "North") == EXIT_OK
    (camera,) = load_config(tmp_path / "node.toml").cameras
    assert (camera.name, camera.source, camera.code) == ("North", "rtsp://10.1.2.3/cam/realmonitor?channel=1&subtype=0", CODE)
    assert read_credentials(tmp_path)["gate-1"].password == SECRET
    assert run("show", "gate-1", "--json") == EXIT_OK
    assert run("list") == EXIT_OK
    assert run("add", "gate-1", "--name", "North") == EXIT_OK
    out = capsys.readouterr()
    assert "gate-1: nothing new" in out.out
    assert "takes the list when it starts" in out.err
    assert run("remove", "gate-1") == EXIT_OK
    assert load_config(tmp_path / "node.toml").cameras == ()


@pytest.mark.slow
def test_a_password_is_in_its_file_and_nowhere_else(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("add", "gate-1", "--url", f"rtsp://admin:{SECRET}@127.0.0.1:9/x")
    run("list", "--json")
    run("show", "gate-1")
    run("test", "gate-1", "--seconds", "0.1", "--out", str(tmp_path / "a.jpg"))
    run("add", "gate-2", "--url", f"http://admin:{SECRET}@h/x")
    run("add", "gate-3", "--url", f"rtsp://admin:{SECRET}@[h/x")
    write_csv(tmp_path / "l.csv", [["id", "url", "密码"], ["gate-4", f"http://a:{SECRET}@x", SECRET * 50]])
    run("import", str(tmp_path / "l.csv"))
    out = capsys.readouterr()
    assert SECRET not in out.out + out.err
    holding = [path.name for path in tmp_path.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert sorted(holding) == [CREDENTIALS_NAME, "l.csv"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("add", "Bad Id", "--url", "/x"), EXIT_USAGE, "camera id"),
        (("add", "a1"), EXIT_REFUSED, "no address"),
        (("add", "a1", "--url", "/x", "--code", "37020200001180000001"), EXIT_USAGE, "no camera"),
        (("add", "a1", "--url", "/x", "--territory", "11"), None, "not inside"),
        (("add", "a1", "--vendor", "onvif", "--host", "127.0.0.1", "--port", "9"), EXIT_REFUSED, "ONVIF is on"),
        (("remove", "nobody"), EXIT_REFUSED, "camera list"),
        (("test", "nobody"), EXIT_REFUSED, "camera list"),
        (("discover", "--interface", "127.0.0.1", "--seconds", "0"), EXIT_USAGE, "more than 0"),
        (("discover", "--interface", "no-address"), EXIT_REFUSED, "IPv4 address"),
        (("directory", "--limit", "0"), EXIT_USAGE, "1 to"),
        (("zone", "nobody"), EXIT_REFUSED, "camera list"),
        (("add", "a1", "--url", "rtsp://h/x", "--name", "a\udcff"), EXIT_USAGE, "not seen"),
        (("add", "a1", "--url", "rtsp://h:99999/x"), EXIT_USAGE, "HOST[:PORT]"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(
    run: Run, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int | None, said: str
) -> None:
    found = run(*words)
    assert found == code if code is not None else found != EXIT_OK
    assert said in capsys.readouterr().err


def test_bad_rows_of_a_sheet_are_named_and_taken_never_or_left_out(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        ["编号", "名称", "厂商", "IP", "码流", "用户名", "国标编码"],
        ["north-1", "北口", "海康", "10.2.0.1", "主码流", "admin", CODE],
        ["north-2", "", "某牌", "10.2.0.2", "", "", ""],
        ["north-1", "", "大华", "10.2.0.3", "", "", ""],
        ["north-4", "", "", "", "", "", ""],
    ]
    write_csv(tmp_path / "l.csv", rows)
    assert run("import", str(tmp_path / "l.csv")) == EXIT_NEGATIVE
    assert load_config(tmp_path / "node.toml").cameras == ()
    assert run("import", str(tmp_path / "l.csv"), "--skip-bad", "--one-password", typed=SECRET) == EXIT_NEGATIVE
    lines = capsys.readouterr().out.splitlines()
    assert "row 3 厂商 '某牌'" in lines[0]
    assert "stands in l.csv row 2 already" in lines[1]
    assert "north-4' has no address" in lines[2]
    assert lines[-1] == "1 added, 0 changed, 0 the same, 3 rows left out"
    assert read_credentials(tmp_path)["north-1"].password == SECRET


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_password_of_a_sheet_keeps_its_blanks(run: Run, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [["id", "url", "user", "password"], ["g-1", " rtsp://h/1 ", " admin ", " a  b "], ["g-2", "rtsp://h/2", "admin", "a\nb"]]
    write_csv(tmp_path / "l.csv", rows) if kind == "csv" else write_xlsx(tmp_path / "l.xlsx", {"l": rows})
    assert run("import", str(tmp_path / f"l.{kind}"), "--skip-bad") == EXIT_NEGATIVE
    login = read_credentials(tmp_path)["g-1"]
    assert (login.user, login.password) == ("admin", " a  b ")
    assert "row 3 password" in capsys.readouterr().out


def test_an_algorithm_that_is_not_here_is_taken_with_a_word(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("add", "gate-1", "--url", "/a.mp4", "--algorithm", "nope") == EXIT_OK
    write_csv(tmp_path / "l.csv", [["id", "url", "algorithm"], ["g-2", "/b.mp4", "motion-object"], ["g-3", "/c.mp4", "absent"]])
    assert run("import", str(tmp_path / "l.csv"), "--dry-run") == EXIT_OK
    assert run("import", str(tmp_path / "l.csv")) == EXIT_OK
    assert run("add", "gate-1", "--algorithm", "street-s") == EXIT_OK
    lines = capsys.readouterr().err.splitlines()
    assert any("algorithm street-s knows only rendered scenes" in line for line in lines)
    said = [line for line in lines if "is not here" in line]
    assert [line.split()[1 + line.startswith("yunnao:")] for line in said] == ["nope", "absent", "absent"]


def test_rows_of_two_cameras_and_one_code_are_named(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_csv(tmp_path / "l.csv", [["id", "url", "国标编码"], ["g-1", "rtsp://10.0.0.1/1", CODE], ["g-2", "rtsp://10.0.0.2/1", CODE]])
    assert run("import", str(tmp_path / "l.csv"), "--dry-run") == EXIT_NEGATIVE
    assert "row 3" in (line := capsys.readouterr().out.splitlines()[0])
    assert "cameras 'g-1' and 'g-2' have one national code" in line


def test_a_sheet_of_more_cameras_than_a_node_watches_is_refused_in_one_line(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_csv(tmp_path / "l.csv", [["id", "url"], *([f"c-{number}", "rtsp://h/x"] for number in range(258))])
    assert run("import", str(tmp_path / "l.csv")) == EXIT_NEGATIVE
    assert capsys.readouterr().out.splitlines() == [
        "l.csv row 258: more than 256 rows: a node watches no more cameras, enter the others at other nodes",
        "1 problems: nothing was imported",
    ]


def test_a_place_without_extent_is_refused(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("add", "yard-1", "--url", "rtsp://h/x")
    zone = ("zone", "yard-1", "--rule", "door", "--points", "0.1,0.1 0.2,0.2 0.3,0.3", "--no-picture", "--out", str(tmp_path / "z.jpg"))
    assert run(*zone) == EXIT_REFUSED
    assert "on one line" in capsys.readouterr().err
    assert load_config(tmp_path / "node.toml").cameras[0].rule == []


@pytest.mark.slow
def test_a_camera_is_opened_in_a_process_of_its_own(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _clip(tmp_path / "a.avi")
    run("add", "yard-1", "--url", str(tmp_path / "a.avi"))
    capsys.readouterr()
    assert run("test", "yard-1", "--out", str(tmp_path / "s.jpg"), "--seconds", "0.2", "--json") == EXIT_OK
    found = json.loads(capsys.readouterr().out)
    assert (found["width"], found["height"], found["why"]) == (320, 180, "")
    still = cv2.imread(str(tmp_path / "s.jpg"))
    assert still is not None
    assert still.shape == (180, 320, 3)


@pytest.mark.slow
def test_a_zone_of_cells_is_entered_and_drawn(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _clip(tmp_path / "a.avi")
    run("add", "yard-1", "--url", str(tmp_path / "a.avi"))
    assert run("zone", "yard-1", "--rule", "door", "--cells", "B3-D5", "--out", str(tmp_path / "z.jpg")) == EXIT_OK
    assert run("zone", "yard-1", "--rule", "stop", "--kind", "line", "--cells", "A5-P5", "--no-picture") == EXIT_OK
    assert run("zone", "yard-1", "--drop", "stop", "--no-picture") == EXIT_OK
    assert run("zone", "yard-1", "--rule", "x", "--no-picture") == EXIT_USAGE
    (rule,) = load_config(tmp_path / "node.toml").cameras[0].rule
    assert (rule.name, rule.kind, rule.points[0]) == ("door", "zone", (0.0625, 0.2222))
    drawn = cv2.imread(str(tmp_path / "z.jpg"))
    assert drawn is not None
    inside, outside = drawn[75, 55].astype(int), drawn[150, 250].astype(int)
    assert int(np.abs(inside - outside).max()) > 30


def test_cameras_of_node_toml_are_shown_and_not_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(tmp_path, GATE)
    base = ["--lang", "zh", "--dir", str(tmp_path), "camera"]
    assert main([*base, "list"]) == EXIT_OK
    assert main([*base, "add", "gate-1", "--name", "x"]) == EXIT_REFUSED
    out = capsys.readouterr()
    assert "gate-1" in out.out
    assert "node.toml" in out.err


def test_a_running_node_is_told_and_the_directory_is_asked(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []
    point = {"code": CODE, "name": "Gate", "tier": 1, "state": "online", "territory": "370202", "longitude": 120.5, "latitude": 36.0}

    def call(self: NodeClient, verb: str, *, timeout_s: float = 0, **arguments: Any) -> Any:
        asked.append((verb, arguments))
        faults = [{"index": 1, "column": "territory", "why": "is elsewhere"}] if len(arguments.get("points", [])) > 1 else []
        answers = {
            "camera_reload": {"cameras": 1, "changed": True},
            "camera_directory": {"points": [point], "states": {"online": 4, "fault": 1}},
            "camera_directory_import": {"changed": 1, "same": 0, "problems": faults},
        }
        return answers[verb]

    monkeypatch.setattr(NodeClient, "call", call)
    run("add", "gate-1", "--url", "/dev/video0")
    assert asked == [("camera_reload", {})]
    run("directory", "--state", "online", "--tier", "1")
    write_csv(tmp_path / "p.csv", [["国标编码", "点位类别", "区划代码"], [CODE, "一类", "370202001"], ["37020200001320000002", "2", "11"]])
    assert run("directory", "--import", str(tmp_path / "p.csv"), "--skip-bad") == EXIT_NEGATIVE
    out = capsys.readouterr().out
    assert "1 of 5 points: online 4, fault 1" in out
    assert "p.csv row 3 区划代码 '11': is elsewhere" in out
    assert asked[-1][1]["points"] == [{"code": CODE, "tier": 1, "territory": "370202001"}]


def _clip(path: Path) -> None:
    """Twelve grey pictures of 320x180."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (320, 180))
    for shade in range(12):
        writer.write(np.full((180, 320, 3), 60 + shade, np.uint8))
    writer.release()
