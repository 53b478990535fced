"""`yunnao camera view --unmasked-video`: a file with its note, whole or cut, one clear refusal, and a view that is always ended."""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from node.cameras.errors import CameraRefused, LookFailed
from node.cameras.viewing import video_screen
from node.client import ApiError, NodeClient
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.verb import UsageError
from node.verbs import camera_video
from node.verbs.camera_view import view
from tests.node.verbs.test_camera_view import arguments as view_arguments

Answer = dict[str, object] | ApiError


class Node:
    """What the running node answers to each question, the last one over and over."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.asked: list[tuple[str, dict[str, object]]] = []

    def call(self, verb: str, **arguments: object) -> dict[str, object]:
        arguments.pop("timeout_s")
        self.asked.append((verb, arguments))
        if verb != "camera_view_next":
            return {"view": "0" * 16, "node": "wusi", "request": "r"}
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, ApiError):
            raise answer
        return answer

    @property
    def verbs(self) -> Sequence[str]:
        return [verb.removeprefix("camera_view_") for verb, _ in self.asked]


def arguments(folder: Path, **changes: Any) -> argparse.Namespace:
    return view_arguments(folder, **({"out": folder / "x.ts", "why": "fire", "unmasked_video": True, "seconds": 0.3} | changes))


def piece(data: bytes, *, lost_s: float = 0.0, at_us: int = 1_000_000) -> dict[str, object]:
    facts = {"codec": "H264", "pictures": 25, "lost_s": lost_s, "more": False, "time_us": at_us, "missing": "", "why": ""}
    return {"video": base64.b64encode(data).decode(), **facts}


def without(missing: str, why: str = "") -> dict[str, object]:
    return {"video": "", "codec": "", "pictures": 0, "lost_s": 0.0, "more": False, "time_us": 0, "missing": missing, "why": why}


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    found = Node()
    monkeypatch.setattr(NodeClient, "call", lambda client, verb, **words: found.call(verb, **words))
    monkeypatch.setattr(video_screen, "PERIOD_S", 0.005)
    return found


def test_the_pieces_become_a_file_for_its_owner_with_a_note_beside_it(node: Node, tmp_path: Path) -> None:
    node.answers = [without("no-key-picture"), piece(b"one"), piece(b"two", lost_s=1.5, at_us=9_000_000), without("lost")]
    assert view(arguments(tmp_path, node="wusi")) == EXIT_NEGATIVE
    assert (tmp_path / "x.ts").read_bytes() == b"onetwo"
    assert [(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()] == [0o600, 0o600]
    note = json.loads((tmp_path / "x.ts.json").read_text())
    assert (note["why"], note["from_node"], note["under"], note["for_person"]) == ("fire", "wusi", "r", "li")
    assert (note["pictures"], note["lost_s"], note["gaps"], note["cut"]) == (50, 1.5, [{"at_us": 9_000_000, "lost_s": 1.5}], "lost")
    assert note["sha256"] == hashlib.sha256(b"onetwo").hexdigest()
    assert "not masked" in note["notice"]
    assert node.verbs[-1] == "end"
    began = node.asked[0][1]
    assert (began["unmasked"], began["why"], began["node"], began["camera"]) == (True, "fire", "wusi", "yard")


def test_the_time_asked_for_is_no_cut(node: Node, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    node.answers = [piece(b"one"), without("same")]
    assert view(arguments(tmp_path, seconds=0.05, json=True)) == EXIT_OK
    said = json.loads(capsys.readouterr().out)
    assert (said["cut"], said["bytes"], said["codec"], said["lost_s"]) == ("", 3, "H264", 0)


def test_a_grant_that_is_revoked_meanwhile_leaves_what_came_and_says_so(
    node: Node, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node.answers = [piece(b"one"), ApiError("refused", "wusi: request r is revoked")]
    assert view(arguments(tmp_path)) == EXIT_NEGATIVE
    assert (tmp_path / "x.ts").read_bytes() == b"one"
    assert "ended before its time: wusi: request r is revoked" in " ".join(capsys.readouterr().err.split())


def test_a_refusal_before_anything_came_is_raised_and_leaves_nothing(node: Node, tmp_path: Path) -> None:
    node.answers = [ApiError("refused", "wusi has granted no live view of unmasked video")]
    with pytest.raises(ApiError, match="granted no live view"):
        view(arguments(tmp_path))
    assert not list(tmp_path.iterdir())
    assert node.verbs[-1] == "end"


def test_a_camera_without_packets_is_said_and_leaves_nothing(node: Node, tmp_path: Path) -> None:
    node.answers = [without("no-packets")]
    with pytest.raises(LookFailed, match="sends nothing compressed"):
        view(arguments(tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_file_that_grows_too_large_is_ended(node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_video, "FILE_BYTES_MAX", 4)
    node.answers = [piece(b"one")]
    assert view(arguments(tmp_path, seconds=60.0)) == EXIT_NEGATIVE
    assert json.loads((tmp_path / "x.ts.json").read_text())["cut"] == "too-large"


def test_who_ends_it_keeps_what_came(node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def after_the_second_question() -> asyncio.Event:
        wished, loop, call = asyncio.Event(), asyncio.get_running_loop(), node.call

        def counted(verb: str, **words: object) -> dict[str, object]:
            if node.verbs.count("next") == 2:
                loop.call_soon_threadsafe(wished.set)
            return call(verb, **words)

        monkeypatch.setattr(NodeClient, "call", lambda client, verb, **words: counted(verb, **words))
        return wished

    monkeypatch.setattr(camera_video, "end_wished", after_the_second_question)
    node.answers = [piece(b"one"), without("same")]
    assert view(arguments(tmp_path, seconds=60.0)) == EXIT_OK
    assert (tmp_path / "x.ts").read_bytes() == b"one"
    assert json.loads((tmp_path / "x.ts.json").read_text())["cut"] == "stopped"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"why": " "}, "needs --why"), ({"seconds": 0.0}, "more than 0"), ({"seconds": 3_601.0}, "at most 3600"),
        ({"out": Path("x.mp4")}, "ends in .ts"), ({"serve": 0}, "one of them"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_before_anything_is_asked(node: Node, tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        view(arguments(tmp_path, **changes))
    assert not node.asked


def test_a_file_that_cannot_be_written_is_named_and_the_view_ends(node: Node, tmp_path: Path) -> None:
    node.answers = [piece(b"one")]
    with pytest.raises(CameraRefused, match="cannot be written"):
        view(arguments(tmp_path, out=tmp_path / "nowhere" / "x.ts"))
    assert node.verbs[-1] == "end"
