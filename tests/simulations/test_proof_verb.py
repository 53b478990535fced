"""`yunnao proof`: the cities, the sum, where to go on, and its exit code."""

from __future__ import annotations

import json

import pytest

from node.cli import main
from node.errors import EXIT_NEGATIVE, EXIT_OK, EXIT_USAGE
from node.texts import catalogue
from policies.gate import CompiledGate

ONE = ["proof", "--nodes", "5", "--processes", "1", "--no-mutations"]


@pytest.mark.slow
def test_cities_that_keep_every_promise_are_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--lang", "en", *ONE, "--seeds", "1", "--from", "3"]) == EXIT_OK
    printed = capsys.readouterr()
    assert printed.out.startswith("1 of 1 cities kept every promise; a city: ")
    assert printed.err.splitlines()[-1].startswith("1 of 1 cities, 0 broke a promise, ")


@pytest.mark.slow
def test_a_proof_out_of_time_says_where_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--lang", "en", *ONE, "--seeds", "50", "--from", "3", "--minutes", "0.00001"]) == EXIT_OK
    assert "cities; go on: yunnao proof --from " in capsys.readouterr().out


@pytest.mark.slow
def test_a_broken_promise_prints_the_line_to_paste(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CompiledGate, "inspect", lambda gate, flow, header, rows: 1 // 0)
    monkeypatch.setattr("simulations.proof.shrink_seed", lambda seed, settings, schedule: ())
    monkeypatch.setattr("simulations.run.PRODUCT_ERRORS", (ZeroDivisionError,))
    assert main(["--lang", "en", *ONE, "--seeds", "1", "--from", "2"]) == EXIT_NEGATIVE
    assert "  run it again: yunnao simulate --seed 2 --nodes 5 --faults on" in capsys.readouterr().out


@pytest.mark.slow
def test_json_is_one_object_a_city(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ONE, "--seeds", "1", "--json"]) == EXIT_OK
    (report,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (report["seed"], report["violations"]) == (1, [])
    assert report["floor_s"] > 0


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--seeds", "0"], "--seeds 0 refused"),
        (["--from", "-1"], "--from -1 refused"),
        (["--minutes", "0"], "--minutes 0 refused"),
        (["--mutations", "--no-mutations"], "--mutations and --no-mutations refused"),
    ],
)
def test_arguments_that_make_no_sense_are_usage_errors(words: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["proof", *words]) == EXIT_USAGE
    assert reason in capsys.readouterr().err


def test_the_texts_exist_in_both_languages() -> None:
    keys = [{key for key in catalogue(language) if key.startswith("proof.")} for language in ("zh", "en")]
    assert keys[0] == keys[1] != set()
