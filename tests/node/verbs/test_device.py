"""`yunnao device`: what is asked of the node, what is printed, and the exit codes."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node.catalogue.csv_sheet import write_csv
from node.client import NodeClient
from node.devices.sheet import read_devices
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.verb import UsageError, VerbParser
from node.verbs import device

Asked = list[tuple[str, dict[str, Any]]]
LAMP = {
    "device": "lamp-1", "kind": "lamp", "owner": "parks", "state": "admitted", "age_s": 61.0, "rate": 1.5, "battery": 77.0, "commands": 2,
    "silent_s": 3_700.0, "last_seen_us": 1_790_000_000_000_000, "card_period_s": 60.0, "period_s": 12.0, "longitude": 120.3,
    "latitude": 36.1,
}  # fmt: skip
COMMAND = {"id": "c1", "device": "lamp-1", "command": "dim", "arguments": {"share": 0.5}, "by": "li", "state": "failed", "why": "no power"}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., tuple[int, Asked]]:
    """Runs the verb against answers by API verb; gives the exit code and what was asked."""

    def ran(*words: str, **answers: Any) -> tuple[int, Asked]:
        asked: Asked = []

        def call(self: NodeClient, verb: str, *, timeout_s: float = 0, **arguments: Any) -> Any:
            asked.append((verb, arguments))
            answer = answers[verb]
            return answer(arguments) if callable(answer) else answer

        monkeypatch.setattr(NodeClient, "call", call)
        parser = VerbParser()
        parser.language = "en"
        device.add_arguments(parser)
        args = parser.parse_args(list(words), argparse.Namespace(dir=tmp_path, language="en"))
        return device.run(args), asked

    return ran


def test_the_list_shows_state_silence_rate_and_battery(run: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    quiet = LAMP | {"device": "lamp-2", "silent_s": None, "battery": None, "age_s": None}
    code, _ = run(devices={"devices": [LAMP, quiet], "counts": {"admitted": 2, "silent": 1}})
    out = capsys.readouterr().out
    assert code == EXIT_OK
    assert "admitted, silent 1h" in out
    assert "77%" in out
    assert out.endswith("Devices: admitted 2, silent 1\n")
    run("list", "--silent", devices={"devices": [LAMP, quiet], "counts": {}})
    assert "lamp-2" not in capsys.readouterr().out


def test_decisions_are_asked_one_by_one(run: Callable[..., Any]) -> None:
    answer = {"device": "d", "accepted": True}
    _, asked = run("admit", "a", "b", "--owner", "parks", device_admit=answer)
    assert [each["device"] for _, each in asked] == ["a", "b"]
    assert asked[0] == ("device_admit", {"device": "a", "accept": True, "owner": "parks", "by": getpass.getuser()})
    _, asked = run("retire", "a", device_retire=answer)
    assert asked[0][1]["device"] == "a"


def test_a_device_is_shown_with_values_commands_and_history(run: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    shown = LAMP | {"values": {"power": {"value": 7.0, "unit": "W", "age_s": 5.0}}, "values_hidden": 1}
    history = [{"event_time": 1_790_000_000_000_000, "state": "waiting", "owner": "parks"}]
    run("show", "lamp-1", device_show={"device": shown, "commands": [COMMAND], "history": history})
    out = capsys.readouterr().out
    assert all(part in out for part in ("120.300000, 36.100000", "power", "dim share=0.5", "failed", "1 more values", "waiting"))


def judge(arguments: dict[str, Any]) -> dict[str, Any]:
    """A node that takes every device but d2."""
    names = [each["device"] for each in arguments["devices"]]
    problems = [{"index": names.index("d2"), "column": "territory", "why": "is no territory"}] if "d2" in names else []
    return {"added": [name for name in names if name != "d2"], "changed": [], "same": 0, "problems": problems}


@pytest.mark.parametrize(
    ("option", "code", "taken", "last"),
    [
        ((), EXIT_NEGATIVE, [], "2 problems: nothing was imported"),
        (("--dry-run",), EXIT_NEGATIVE, [], "new (2): d1, d3"),
        (("--skip-bad",), EXIT_NEGATIVE, ["d1", "d3"], "2 added, 0 changed, 0 the same, 2 rows left out"),
    ],
)
def test_bad_rows_are_named_and_taken_never_or_left_out(
    run: Callable[..., Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    option: tuple[str, ...],
    code: int,
    taken: list[str],
    last: str,
) -> None:
    rows = [["设备编号", "区划代码", "经度"], ["d1", "37", ""], ["d2", "11", ""], ["d3", "", ""], ["d4", "", "x"]]
    write_csv(tmp_path / "d.csv", rows)
    found, asked = run("import", str(tmp_path / "d.csv"), *option, device_import=judge)
    lines = capsys.readouterr().out.splitlines()
    assert found == code
    assert lines[:2] == [
        "d.csv row 3 区划代码 '11': is no territory",
        "d.csv row 5 经度 'x': are no decimal degrees, such as 120.3826",
    ]
    assert lines[-1] == last
    assert [[each["device"] for each in call["devices"]] for _, call in asked if not call["dry_run"]] == ([taken] if taken else [])


def test_an_export_has_the_period_that_people_gave(run: Callable[..., Any], tmp_path: Path) -> None:
    def page(arguments: dict[str, Any]) -> dict[str, Any]:
        return {"devices": [] if arguments["after"] else [LAMP]}

    run("export", str(tmp_path / "d.xlsx"), device_page=page)
    (line,) = read_devices([tmp_path / "d.xlsx"]).lines
    assert (line.values["device"], line.values["period_s"], line.values["longitude"]) == ("lamp-1", 60.0, 120.3)


def test_a_command_says_how_it_stands(run: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    code, asked = run("command", "lamp-1", "dim", "share=0.5", "--expires", "1h", "--by", "li", device_command=COMMAND)
    assert code == EXIT_NEGATIVE
    (verb, sent) = asked[0]
    assert (verb, sent["arguments"], sent["expires_s"], sent["by"]) == ("device_command", {"share": "0.5"}, 3_600.0, "li")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("c1: dim to lamp-1 is failed\n", "no power\n")
    assert run("command", "lamp-1", "dim", device_command=COMMAND | {"state": "queued"})[0] == EXIT_OK
    assert run("command", "lamp-1", "dim", "--wait", "1s", device_command=COMMAND | {"state": "queued"})[0] == EXIT_NEGATIVE


@pytest.mark.parametrize("arguments", [["share"], ["=1"], ["a=1", "a=2"]])
def test_arguments_that_are_none_are_refused(run: Callable[..., Any], arguments: list[str]) -> None:
    with pytest.raises(UsageError, match="refused"):
        run("command", "lamp-1", "dim", *arguments, device_command=COMMAND)


def test_commands_are_listed_and_withdrawn(run: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    run("commands", "lamp-1", "--open", device_commands={"commands": [COMMAND], "fault": "full"})
    captured = capsys.readouterr()
    assert "dim share=0.5" in captured.out
    assert "full" in captured.err
    history = [{"at_us": 1, "fact": "issue", "by": "li", "node": "n", "why": "", "fault": ""}]
    run("command-show", "c1", device_command_show=COMMAND | {"history": history})
    assert "issue" in capsys.readouterr().out
    assert run("withdraw", "c1", "--by", "li", device_command_withdraw=COMMAND | {"state": "withdrawn"})[0] == EXIT_OK
