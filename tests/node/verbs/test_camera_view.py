"""`yunnao camera view`: a file or a page, one clear refusal, and a view that is ended whatever happens."""

from __future__ import annotations

import argparse
import base64
from pathlib import Path
from typing import Any

import pytest

from node.cameras.errors import LookFailed
from node.client import ApiError, NodeClient
from node.errors import EXIT_OK
from node.verb import UsageError
from node.verbs import camera_view
from node.verbs.camera_view import view


class Node:
    """What the running node answers to each `camera_view_next`."""

    def __init__(self, *answers: dict[str, str] | ApiError) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, object]]] = []

    def call(self, _: NodeClient, verb: str, *, timeout_s: float = 0, **arguments: object) -> dict[str, object]:
        self.asked.append((verb, arguments))
        if verb != "camera_view_next":
            return {"view": "0" * 16, "node": "wusi", "request": "r"}
        answer = self.answers.pop(0)
        if isinstance(answer, ApiError):
            raise answer
        return dict(answer)

    @property
    def verbs(self) -> list[str]:
        return [verb.removeprefix("camera_view_") for verb, _ in self.asked]


def arguments(folder: Path, **changes: Any) -> argparse.Namespace:
    said = {"id": "yard", "node": "", "request": "", "out": folder / "x.jpg", "serve": None, "fps": 2.0, "by": "li", "clearance": "L2",
            "why": "", "unmasked_video": False, "seconds": 10.0, "dir": folder, "json": False, "language": "en"}  # fmt: skip
    return argparse.Namespace(**(said | changes))


def picture(data: bytes = b"\xff\xd8") -> dict[str, str]:
    return {"jpeg": base64.b64encode(data).decode(), "missing": "", "why": ""}


def without(missing: str, why: str = "") -> dict[str, str]:
    return {"jpeg": "", "missing": missing, "why": why}


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    found = Node()
    monkeypatch.setattr(NodeClient, "call", lambda client, verb, **words: found.call(client, verb, **words))
    monkeypatch.setattr(camera_view, "AGAIN_S", 0.0)
    return found


def test_the_first_picture_that_comes_is_written_for_its_owner_alone(node: Node, tmp_path: Path) -> None:
    node.answers = [without("same"), without("pace"), picture(b"\xff\xd8 jpeg")]
    assert view(arguments(tmp_path, node="wusi", request="r", clearance="L3", why="fire")) == EXIT_OK
    assert (tmp_path / "x.jpg").read_bytes() == b"\xff\xd8 jpeg"
    assert (tmp_path / "x.jpg").stat().st_mode & 0o777 == 0o600
    assert node.verbs == ["begin", "next", "next", "next", "end"]
    assert node.asked[0][1] == {"camera": "yard", "node": "wusi", "request": "r", "by": "li", "clearance": 3, "why": "fire"}


def test_a_lost_camera_is_said_with_its_reason_and_leaves_no_file(node: Node, tmp_path: Path) -> None:
    node.answers = [without("lost", "no cable")]
    with pytest.raises(LookFailed, match=r"yard shows no picture now: it is lost.*: no cable"):
        view(arguments(tmp_path))
    assert node.verbs[-1] == "end"
    assert not list(tmp_path.iterdir())


def test_a_word_of_a_newer_node_is_repeated(node: Node, tmp_path: Path) -> None:
    node.answers = [without("asleep")]
    with pytest.raises(LookFailed, match="asleep"):
        view(arguments(tmp_path, language="zh"))


def test_what_does_not_come_in_time_is_given_up(node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_view, "PICTURE_S", 0.0)
    node.answers = [without("connecting")] * 10
    with pytest.raises(LookFailed):
        view(arguments(tmp_path))


def test_a_refusal_ends_the_view_and_is_passed_on(node: Node, tmp_path: Path) -> None:
    node.answers = [ApiError("denied", "request r is revoked")]
    with pytest.raises(ApiError, match="revoked"):
        view(arguments(tmp_path))
    assert node.verbs == ["begin", "next", "end"]


@pytest.mark.parametrize(
    "changes", [{"serve": 0}, {"fps": 0.0}, {"fps": 11.0}, {"out": None, "serve": 70_000}, {"out": Path("x.png")}, {"fps": float("nan")}]
)
def test_wrong_words_ask_no_node(node: Node, tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        view(arguments(tmp_path, **changes))
    assert not node.asked
