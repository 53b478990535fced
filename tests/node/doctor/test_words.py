"""What the doctor says, in both languages."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_ai.errors import AlgorithmError
from edge_ai.reasons import reason
from node import doctor
from node.doctor.checks import CHECKS
from node.doctor.model import Finding, Severity, failed
from node.texts import LANGUAGES, catalogue

SAYING = {"Finding": 1, "_judge": 1, "failed": 2}
"""Calls, and which argument names what was seen."""


def _seen() -> Iterator[str]:
    for path in Path(doctor.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) > (place := SAYING.get(node.func.id, 99)):
                said = node.args[place]
                assert isinstance(said, ast.Constant | ast.Name), f"{path.name}:{node.lineno}"
                if isinstance(said, ast.Constant):
                    yield str(said.value)


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_that_may_be_seen_has_its_text_and_no_text_is_left_over(language: str) -> None:
    texts = {key.removeprefix("doctor.saw_") for key in catalogue(language) if key.startswith("doctor.saw_")}
    assert texts == {*_seen(), "error"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_check_has_its_texts(language: str) -> None:
    assert all(f"doctor.{check.id}_{part}" in catalogue(language) for check in CHECKS for part in ("title", "why", "fix"))


def test_a_finding_is_worded_with_the_reason_in_it() -> None:
    error = AlgorithmError(reason("not-a-file", file="m.onnx"))
    assert failed(error).words("zh") == "m.onnx 不是文件：请给出普通文件"
    assert failed(OSError("odd")).words("zh") == "odd"
    assert Finding(Severity.OK, "certificates", {"days": 3}).words("en") == "certificates hold for 3 more days"
