"""A live view in browsers: pulled while somebody watches, at its pace, and over with a reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import msgspec
import pytest

from node.cameras.errors import ViewRefused
from node.cameras.viewing import screen as screens
from node.cameras.viewing.screen import VIEWERS_MAX, Screen
from node.loopback.http import Reply, Request, RequestRefused
from node.loopback.page import Page


class Calls:
    """The node's end of a view."""

    def __init__(self, *, missing: str = "", fails_after: int = 1_000_000) -> None:
        self.missing = missing
        self.fails_after = fails_after
        self.log: list[str] = []
        self.count = 0

    async def begin(self) -> None:
        self.log.append("begin")

    async def next(self) -> tuple[bytes, str]:
        await asyncio.sleep(0)
        self.count += 1
        if self.count > self.fails_after:
            raise ViewRefused("the grant was revoked")
        return (b"" if self.missing else f"jpeg {self.count}".encode(), self.missing)

    async def end(self) -> None:
        self.log.append("end")


def screen_of(calls: Calls) -> Screen:
    return Screen(calls, Page("node.cameras.viewing", "view.html", "en", {"title": "<yard>", "words": {}, "reasons": {}}), 0.001)


async def stream(made: Screen) -> AsyncIterator[bytes]:
    reply = await made.answer(Request("GET", "live.mjpg"))
    assert reply.kind == "multipart/x-mixed-replace; boundary=picture"
    return cast(AsyncIterator[bytes], reply.body)


async def settle(made: Screen) -> None:
    if made._pulling is not None:
        await asyncio.wait({made._pulling})


async def test_pictures_are_pulled_only_while_somebody_watches() -> None:
    calls = Calls()
    made = screen_of(calls)
    assert calls.log == []
    parts = await stream(made)
    assert await anext(parts) == b"--picture\r\n"
    part = await anext(parts)
    assert part.startswith(b"Content-Type: image/jpeg\r\nContent-Length: 6\r\n\r\njpeg 1\r\n--picture")
    assert b"jpeg" in await anext(parts)
    await parts.aclose()  # type: ignore[attr-defined]
    await settle(made)
    assert calls.log == ["begin", "end"]


async def test_two_viewers_share_one_view_and_a_later_one_gets_no_old_picture() -> None:
    calls = Calls()
    made = screen_of(calls)
    first, second = await stream(made), await stream(made)
    for parts in (first, second):
        await anext(parts)
        await anext(parts)
    await first.aclose()  # type: ignore[attr-defined]
    assert calls.log == ["begin"]
    await second.aclose()  # type: ignore[attr-defined]
    await settle(made)
    before = calls.count
    still = await made.answer(Request("GET", "still.jpg"))
    await settle(made)
    assert int(cast(bytes, still.body).split()[1]) > before
    assert calls.log == ["begin", "end"] * 2


async def test_a_refusal_ends_streams_and_the_command_with_its_reason() -> None:
    made = screen_of(Calls(fails_after=2))
    parts = await stream(made)
    got = [part async for part in parts]
    assert len(got) <= 3
    with pytest.raises(ViewRefused, match="revoked"):
        await made.wait_over(60)
    with pytest.raises(RequestRefused, match="revoked"):
        await made.answer(Request("GET", "still.jpg"))
    state = await made.answer(Request("GET", "state.json"))
    assert msgspec.json.decode(cast(bytes, state.body))["failed"] == "the grant was revoked"


async def test_no_picture_in_time_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screens, "STILL_S", 0.01)
    made = screen_of(Calls(missing="lost"))
    with pytest.raises(RequestRefused, match="lost"):
        await made.answer(Request("GET", "still.jpg"))
    await settle(made)


async def test_viewers_are_bounded() -> None:
    made = screen_of(Calls())
    watching = [await stream(made) for _ in range(VIEWERS_MAX)]
    for parts in watching:
        await anext(parts)
    with pytest.raises(RequestRefused) as caught:
        await made.answer(Request("GET", "live.mjpg"))
    assert caught.value.status == 503
    for parts in watching:
        await parts.aclose()  # type: ignore[attr-defined]
    await settle(made)


async def test_nobody_watching_for_long_ends_the_command() -> None:
    await screen_of(Calls()).wait_over(0)


async def test_the_page_is_closed_to_everything_but_itself() -> None:
    reply: Reply = await screen_of(Calls()).answer(Request("GET", ""))
    assert "default-src 'none'" in reply.policy
    assert b"<yard>" not in cast(bytes, reply.body)
    for method, path in (("POST", ""), ("GET", "other")):
        with pytest.raises(RequestRefused):
            await screen_of(Calls()).answer(Request(method, path))
