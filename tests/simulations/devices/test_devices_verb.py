"""`yunnao simulate devices`: what it refuses, and what it says when nobody answers."""

from __future__ import annotations

import json
import socket

import pytest

from node.cli import main
from node.errors import EXIT_NEGATIVE, EXIT_USAGE
from node.texts import catalogue


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--faults", "flop"], "--faults 'flop' refused: any of all, none, drift"),
        (["--count", "0"], "--count 0 refused: 1 to 20000"),
        (["--count", "30000"], "--count 30000 refused: 1 to 20000"),
        (["--door", "nowhere"], "--door 'nowhere' is not HOST:PORT"),
        (["--interval", "0"], "--interval 0 refused"),
        (["--share", "1.5"], "--share 1.5 refused: above 0 and at most 1"),
        (["--keep-alive", "1"], "--keep-alive 1 refused: 2 to 65535"),
        (["--cafile", "/no/such/file"], "cannot be read"),
        (["--ledger", "/no/such/folder/ledger"], "--ledger /no/such/folder/ledger cannot be written"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--lang", "en", "simulate", "devices", *arguments]) == EXIT_USAGE
    assert words in capsys.readouterr().err


def test_faults_of_devices_are_not_for_cities(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--lang", "en", "simulate", "--faults", "drift"]) == EXIT_USAGE
    assert "--faults drift refused: a simulated city has them on or off" in capsys.readouterr().err


@pytest.mark.slow
def test_a_door_that_is_not_there_is_counted_and_the_exit_code_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        door = f"127.0.0.1:{taken.getsockname()[1]}"
        arguments = ["simulate", "devices", "--count", "3", "--door", door, "--seconds", "0.3", "--interval", "0.1", "--json"]
        assert main(arguments) == EXIT_NEGATIVE
    facts = json.loads(capsys.readouterr().out)
    assert (facts["connections"], facts["acked"]) == (0, 0)
    assert facts["refused"]["unreachable"] >= 3


def test_the_texts_exist_in_both_languages() -> None:
    keys = [{key for key in catalogue(language) if key.startswith("park.")} for language in ("zh", "en")]
    assert keys[0] == keys[1]
    assert "park.live" in keys[0]
