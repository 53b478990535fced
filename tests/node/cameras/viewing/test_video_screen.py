"""Live video for players: a view for each, pulled only while it is read, over with a reason."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

import msgspec
import pytest

from node.cameras.errors import ViewRefused
from node.cameras.viewing import video_screen
from node.cameras.viewing.video import LivePiece
from node.cameras.viewing.video_screen import READERS_MAX, Newest, VideoScreen, pieces
from node.loopback.http import Request, RequestRefused


class Calls:
    """The node's end of a view: pieces, words, or a refusal at the end."""

    def __init__(self, *answers: str | LivePiece, log: list[str] | None = None) -> None:
        self.answers = list(answers)
        self.log: list[str] = [] if log is None else log

    async def begin(self) -> None:
        self.log.append("begin")

    async def piece(self) -> LivePiece:
        self.log.append("piece")
        if not self.answers:
            raise ViewRefused("the grant was revoked")
        answer = self.answers.pop(0)
        return answer if isinstance(answer, LivePiece) else LivePiece(missing=answer, why="x")

    async def end(self) -> None:
        self.log.append("end")


def piece(data: bytes, *, lost_s: float = 0.0) -> LivePiece:
    return LivePiece(data, 1, 1, "H264", 1, lost_s, more=True)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_screen, "PERIOD_S", 0.0)


async def stream(screen: VideoScreen) -> AsyncIterator[bytes]:
    reply = await screen.answer(Request("GET", "live.ts"))
    assert reply.kind == "video/mp2t"
    return cast(AsyncIterator[bytes], reply.body)


async def test_a_player_gets_the_pieces_of_a_view_of_its_own() -> None:
    log: list[str] = []
    screen = VideoScreen(lambda: Calls(piece(b"one"), "same", piece(b"two", lost_s=1.5), "lost", log=log))
    parts = await stream(screen)
    assert log == []
    assert [part async for part in parts] == [b"one", b"two"]
    assert (log[0], log[-1]) == ("begin", "end")
    state = await screen.answer(Request("GET", "state.json"))
    assert msgspec.json.decode(cast(bytes, state.body)) == {"pieces": 2, "lost_s": 1.5, "missing": "lost", "failed": ""}


async def test_a_player_that_goes_ends_its_view() -> None:
    log: list[str] = []
    screen = VideoScreen(lambda: Calls(piece(b"one"), piece(b"two"), log=log))
    parts = await stream(screen)
    await anext(parts)
    await parts.aclose()  # type: ignore[attr-defined]
    assert log == ["begin", "piece", "end"]


async def test_a_refusal_ends_the_stream_and_whoever_comes_next_hears_it() -> None:
    screen = VideoScreen(lambda: Calls(piece(b"one")))
    assert [part async for part in await stream(screen)] == [b"one"]
    with pytest.raises(RequestRefused, match="revoked"):
        await screen.answer(Request("GET", "live.ts"))
    with pytest.raises(ViewRefused, match="revoked"):
        await screen.wait_over(100.0)


async def test_players_are_few() -> None:
    screen = VideoScreen(lambda: Calls(*[piece(b"x")] * 9))
    open_ones = [await stream(screen) for _ in range(READERS_MAX)]
    for one in open_ones:
        await anext(one)
    with pytest.raises(RequestRefused, match="watch already"):
        await screen.answer(Request("GET", "live.ts"))
    await open_ones[0].aclose()  # type: ignore[attr-defined]
    await stream(screen)


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("GET", "../x"), ("POST", "live.ts")])
async def test_there_is_nothing_else(method: str, path: str) -> None:
    with pytest.raises(RequestRefused, match=r"there are live\.ts and state\.json"):
        await VideoScreen(lambda: Calls()).answer(Request(method, path))


async def test_a_camera_that_shows_nothing_for_long_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_screen, "PATIENCE_S", 0.0)
    newest = Newest()
    assert [one async for one in pieces(Calls("same", "same"), newest)] == []
    assert (newest.missing, newest.why) == ("same", "x")


async def test_nobody_for_a_while_is_the_end() -> None:
    await VideoScreen(lambda: Calls()).wait_over(0.0)
