"""`yunnao incident`: what a person reads of a step that is said to the node of an incident, and the exit code it ends with."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from node.client import NodeClient
from node.texts import LANGUAGES
from node.verbs import incident

STATES = ("waits", "applied", "refused", "expired", "withdrawn")


def sent(state: str, answer: str = "") -> dict[str, Any]:
    return {
        "step": "dismiss", "by": "li", "why": "a flag", "said_at": "d1", "keeper": "g1", "time_us": 1_790_000_000_000_000,
        "since_us": 1_790_000_001_000_000, "state": state, "answer": answer,
    }  # fmt: skip


def run(monkeypatch: pytest.MonkeyPatch, words: list[str], answer: dict[str, Any], language: str = "en") -> tuple[int, dict[str, Any]]:
    asked: dict[str, Any] = {}

    def call(self: NodeClient, verb: str, **arguments: Any) -> dict[str, Any]:
        asked.update(arguments, verb=verb)
        return answer

    monkeypatch.setattr(NodeClient, "call", call)
    parser = argparse.ArgumentParser()
    parser.set_defaults(json=False, language=language, dir=Path())
    incident.add_arguments(parser)
    return incident.run(parser.parse_args(words)), asked


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("state", "code"), list(zip(STATES, (0, 0, 1, 1, 1), strict=True)))
def test_a_step_that_came_to_nothing_ends_with_one_and_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], state: str, code: int, language: str
) -> None:
    answer = {"state": "open", "sent_steps": [sent(state, "it has ended" if code else "")]}
    assert run(monkeypatch, ["dismiss", "inc-1", "--by", "li"], answer, language)[0] == code
    said = capsys.readouterr().err
    assert ("g1" in said, "it has ended" in said, state in said and language == "zh") == (True, bool(code), False)


def test_who_waits_gets_one_unless_the_step_was_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    code, asked = run(monkeypatch, ["resolve", "inc-1", "--by", "li", "--wait", "2m", "--node", "g1"], {"sent_steps": [sent("waits")]})
    assert code == 1
    assert (asked["wait_s"], asked["timeout_s"], asked["node"], asked["here"]) == (120.0, 150.0, "g1", False)


def test_the_list_says_what_waits_and_the_page_what_was_answered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = {"incident_id": "inc-1", "state": "open", "node": "g1", "sent_steps": [sent("waits")]}
    run(monkeypatch, ["list"], {"incidents": [one], "counts": {"open": 1}})
    assert "open (false alarm: waits)" in capsys.readouterr().out
    long = "incident inc-1 has been resolved meanwhile: dismiss was said without knowing it; look at it, and say it again if it still holds"
    run(monkeypatch, ["show", "inc-1"], one | {"steps": [], "sent_steps": [sent("refused", long)]})
    shown = capsys.readouterr().out
    assert f"g1: {long}" in shown
    assert "refused" in shown
