"""Reasons: a code with arguments that travels in a text column, and what of a hostile text is taken for one."""

from __future__ import annotations

import ast
import errno
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edge_ai
from edge_ai.errors import SourceError
from edge_ai.reasons import (
    ARGUMENTS_MAX,
    DEEP_MAX,
    READ_CHARS_MAX,
    TOLD_CHARS_MAX,
    Reason,
    names_of,
    plain,
    reason,
    split,
    spoken,
    system_reason,
    told,
)
from edge_ai.sentences import SENTENCES

PACKAGE = Path(edge_ai.__file__).parent
CARRIED = {"SourceError", "AlgorithmError", "ModelError", "EvidenceError", "RingError"}
"""Errors whose words a camera's process tells."""
IN_ENGLISH = {
    "clips.py", "evidence/clip.py", "evidence/watermark.py", "looks/viewing.py", "models/apart.py", "models/golden.py",
    "models/golden_run.py", "models/graph.py", "models/importing.py", "models/picture_bounds.py", "models/picture_notes.py",
}  # fmt: skip
"""Files whose errors no camera's process tells: importing a model and handing out a copy are commands, which refuse in English."""


def test_a_reason_travels_as_its_sentence_then_code_and_arguments() -> None:
    assert told(reason("file-empty", file="a.mp4")) == 'a.mp4 is empty: copy the file again ["file-empty","a.mp4"]'


def test_what_travelled_is_read_back_with_what_is_inside() -> None:
    inner = reason("at-address", address="10.0.0.1:554/x", what=SourceError(reason("no-connection", what=reason("no-route"))))
    outer = reason("of-camera", camera="gate", what=inner)
    assert split(told(outer)) == (str(outer), outer)
    assert (
        str(outer)
        == "camera gate: 10.0.0.1:554/x: no connection to it (No route to host): check address, network and that the camera is on"
    )


def test_an_error_tells_its_reason_and_logs_in_english() -> None:
    error = SourceError(reason("silent"))
    assert (str(error), error.told) == ("it is silent", 'it is silent ["silent"]')
    assert (str(SourceError("x")), SourceError("x").told) == ("x", "x")


def test_a_sentence_too_long_is_cut_and_its_arguments_are_not() -> None:
    said = told(reason("unknown-algorithm", camera="c", algorithm="'x'", known=", ".join(f"model-{number}" for number in range(20))))
    assert len(said) == TOLD_CHARS_MAX
    assert split(said)[1] is not None


def test_arguments_that_fit_nowhere_leave_the_sentence() -> None:
    said = told(reason("in-file", file="f" * 500, what="x"))
    assert (len(said), split(said)[1]) == (TOLD_CHARS_MAX, None)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=30), min_size=2, max_size=2))
def test_any_argument_comes_back_as_it_was(arguments: list[str]) -> None:
    outer = reason("in-file", file=arguments[0], what=arguments[1])
    assert split(told(outer)) == (str(outer), outer)


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_a_reason_or_stays_what_it_is(text: str) -> None:
    sentence, found = split(text)
    assert text.startswith(sentence)
    assert found is not None or sentence == text


def _nested(deep: int) -> list[object]:
    return ["of-camera", "c", "x" if deep == 1 else _nested(deep - 1)]


@pytest.mark.parametrize(
    "tail",
    [
        "[]", "[1]", '["a",1]', '["a",null]', '["a",[]]', '["a",{"b":"c"}]', '["a"', '["a"] and more',
        json.dumps(["a"] * (ARGUMENTS_MAX + 2)),
        json.dumps(_nested(DEEP_MAX + 1), separators=(",", ":")), '["' + "[" * 500 + "]", '["a' + "x" * READ_CHARS_MAX + '"]',
    ],
)  # fmt: skip
def test_a_tail_of_another_form_is_part_of_the_text(tail: str) -> None:
    assert split(f"words {tail}") == (f"words {tail}", None)


def test_the_deepest_reason_is_read() -> None:
    assert split("words " + json.dumps(_nested(DEEP_MAX), separators=(",", ":")))[1] is not None


def test_a_camera_cannot_forge_the_reason_around_its_words() -> None:
    forged = reason("answers", method="PLAY", status=400, words='no ["silent"]', way_out=reason("check-path"))
    assert split(told(forged))[1] == forged


def test_words_of_a_process_become_part_of_a_reason_or_stay_words() -> None:
    assert spoken("edge capture: " + told(reason("silent"))) == reason("silent")
    assert spoken("Killed") == "Killed"
    assert plain(told(reason("silent"))) == "it is silent"


def test_the_system_is_understood_where_it_can_be() -> None:
    assert system_reason(ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")) == Reason("connection-refused")
    assert system_reason(TimeoutError("timed out")) == Reason("no-answer")
    assert system_reason(OSError(errno.EXDEV, "Invalid cross-device link")) == "Invalid cross-device link"


@pytest.mark.parametrize("code", SENTENCES)
def test_every_sentence_is_ascii_can_be_filled_and_fits(code: str) -> None:
    said = reason(code, **dict.fromkeys(names_of(code), "x"))
    assert str(said).isascii()
    assert len(names_of(code)) <= ARGUMENTS_MAX
    assert split(told(said)) == (str(said), said)


def _errors() -> Iterator[tuple[str, ast.expr]]:
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).as_posix()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            call = node.exc if isinstance(node, ast.Raise) else None
            if name not in IN_ENGLISH and isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in CARRIED:
                yield f"{name}:{call.lineno}", call.args[0]


def test_every_error_that_a_camera_shows_has_a_code() -> None:
    errors = list(_errors())
    assert [where for where, said in errors if isinstance(said, ast.Constant | ast.JoinedStr | ast.BinOp)] == []
    assert len(errors) > 80


def test_every_code_is_used() -> None:
    sources = [path.read_text("utf-8") for folder in (PACKAGE, PACKAGE.parent / "node") for path in folder.rglob("*.py")]
    written = "\n".join(source for source in sources if "SENTENCES: dict" not in source)
    assert [code for code in SENTENCES if f'"{code}"' not in written and f'"{code.removesuffix("-shadow")}' not in written] == []
