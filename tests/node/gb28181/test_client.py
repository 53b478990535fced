"""This node at a simulated platform on loopback: registered with a digest, alive, asked, and refusing media with the reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

import pytest

from node.clock import SystemClock
from node.gb28181.client import PAGES_AT_ONCE, PAGES_PER_S, Facts, PlatformClient
from node.gb28181.dialogue import Account, Stand
from node.gb28181.sip import Message
from node.store.mart import MartError
from tests.node.gb28181.platform import DEVICE, DOMAIN, PASSWORD, PLATFORM, Platform, body_of

POINTS: list[dict[str, Any]] = [
    {
        "code": f"3702020000132{number:07d}", "name": f"路口{number}", "state": "online" if number % 2 else "fault", "datum": "CGCS2000",
        "longitude": 120.5, "latitude": 36.0, "territory": "370202001", "owner": "A & B <C>", "address": "", "maker": "",
    }
    for number in range(1, 6)
]  # fmt: skip


async def points(after: str, limit: int) -> list[dict[str, Any]]:
    return [point for point in POINTS if point["code"] > after][:limit]


async def count() -> int:
    return len(POINTS)


FACTS = Facts(name="市南区", software="1.2", points=points, count=count, local_time=lambda: "2026-11-21T22:00:00")


@asynccontextmanager
async def connected(
    platform: Platform, transport: str, *, password: str = PASSWORD, keepalive_s: float = 60.0, facts: Facts = FACTS
) -> AsyncIterator[PlatformClient]:
    await platform.start(transport)
    account = Account(
        device=DEVICE, platform=PLATFORM, domain=DOMAIN, user=DEVICE, password=password, local="0.0.0.0:0", is_reliable=transport == "tcp",
        keepalive_s=keepalive_s,
    )  # fmt: skip
    client = PlatformClient(account, "127.0.0.1", platform.port, facts, SystemClock(), Random(1))
    running = asyncio.create_task(client.run())
    try:
        yield client
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        platform.stop()


async def until(is_so: Callable[[], bool]) -> None:
    """Let others run until something is so, at most some thousand turns of the loop."""
    for _ in range(10_000):
        if is_so():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to be")


def _holds(words: bytes, message: Message) -> bool:
    return words in message.body


def _answers(branch: str, message: Message) -> bool:
    return message.branch == branch and not message.is_request


def query(command: str, number: int = 7) -> str:
    facts = f"<CmdType>{command}</CmdType><SN>{number}</SN><DeviceID>{DEVICE}</DeviceID>"
    return f'<?xml version="1.0" encoding="GB2312"?><Query>{facts}</Query>'


async def registered(platform: Platform) -> None:
    async with asyncio.timeout(5.0):
        await platform.registered.wait()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_it_registers_with_a_digest_and_says_that_it_is_alive(transport: str) -> None:
    platform = Platform()
    async with connected(platform, transport, keepalive_s=0.05) as client:
        await registered(platform)
        async with asyncio.timeout(5.0):
            await platform.alive.wait()
        assert client.status()["state"] == "registered"
    first, second = [message for message in platform.got if message.method == "REGISTER"][:2]
    assert (first.get("authorization"), first.get("call-id")) == ("", second.get("call-id"))
    assert second.cseq[0] == first.cseq[0] + 1
    assert not any(PASSWORD.encode() in message.body or PASSWORD in str(message.headers) for message in platform.got)


@pytest.mark.parametrize(("transport", "pages"), [("udp", [2, 2, 1]), ("tcp", [5])])
async def test_the_catalogue_comes_in_pages_that_sum_up(transport: str, pages: list[int]) -> None:
    platform = Platform()
    async with connected(platform, transport):
        await registered(platform)
        platform.ask(query("Catalog"))
        await platform.wait_for(lambda message: POINTS[-1]["code"].encode() in message.body)
    told = [body_of(message) for message in platform.got if b"<CmdType>Catalog" in message.body]
    assert [len(page.findall("DeviceList/Item")) for page in told] == pages
    assert {(page.findtext("SumNum"), page.findtext("SN")) for page in told} == {("5", "7")}
    item = told[0].find("DeviceList/Item")
    assert item is not None
    facts = {child.tag: child.text for child in item}
    names = ("Name", "Owner", "Status", "CivilCode", "Longitude")
    assert [facts[name] for name in names] == ["路口1", "A & B <C>", "ON", "370202", "120.5"]


async def test_device_facts_are_told_and_unknown_questions_answered_with_an_error() -> None:
    platform = Platform()
    async with connected(platform, "udp"):
        await registered(platform)
        wanted = {
            "DeviceInfo": ("DeviceName", "市南区"),
            "DeviceStatus": ("DeviceTime", "2026-11-21T22:00:00"),
            "RecordInfo": ("Result", "ERROR"),
        }
        for command, (tag, text) in wanted.items():
            platform.ask(query(command))
            answer = await platform.wait_for(partial(_holds, f"<CmdType>{command}</CmdType>".encode()))
            assert body_of(answer).findtext(tag) == text


async def test_a_directory_that_cannot_be_read_ends_neither_the_client_nor_its_registration() -> None:
    async def unreadable(after: str, limit: int) -> list[dict[str, Any]]:
        raise MartError("the mart of camera-directory cannot be read")

    platform = Platform()
    async with connected(platform, "udp", facts=replace(FACTS, points=unreadable)) as client:
        await registered(platform)
        platform.ask(query("Catalog"))
        answer = await platform.wait_for(partial(_holds, b"<CmdType>Catalog</CmdType>"))
        assert body_of(answer).findtext("Result") == "ERROR"
        platform.ask(query("DeviceInfo", 8))
        await platform.wait_for(partial(_holds, b"<CmdType>DeviceInfo</CmdType>"))
        assert client.status()["state"] == "registered"


async def test_media_is_refused_with_the_reason_and_strangers_are_not_heard() -> None:
    platform = Platform()
    async with connected(platform, "udp") as client:
        await registered(platform)
        for method, body, sender, status in (
            ("INVITE", "v=0", PLATFORM, 488), ("SUBSCRIBE", "", PLATFORM, 405), ("MESSAGE", query("Catalog"), "37020000002000000666", 403),
            ("MESSAGE", "<!DOCTYPE x><Query/>", PLATFORM, 400), ("OPTIONS", "", PLATFORM, 200), ("BYE", "", PLATFORM, 481),
        ):  # fmt: skip
            branch = platform.ask(body, method=method, sender=sender)
            answer = await platform.wait_for(partial(_answers, branch))
            assert (method, answer.status) == (method, status)
        refusal = next(message for message in platform.got if message.status == 488)
        assert "no media here" in refusal.get("warning")
        assert client.status()["refused"] == 5


async def test_lost_datagrams_are_said_again() -> None:
    platform = Platform(lose=1)
    async with connected(platform, "udp"):
        await registered(platform)
    assert platform.lose == 0


async def test_a_wrong_password_is_said_and_not_tried_at_once_again() -> None:
    platform = Platform()
    async with connected(platform, "udp", password="wrong") as client:
        await platform.wait_for(lambda message: bool(message.get("authorization")))
        await until(lambda: client.dialogue.stand is Stand.WAITING)
        assert "password" in client.status()["why"]
    assert len(platform.got) == 2


async def test_bytes_that_are_no_message_are_counted_and_the_device_stays() -> None:
    platform = Platform()
    async with connected(platform, "udp") as client:
        await registered(platform)
        assert platform.send is not None
        for data in (b"\x00" * 100, b"MESSAGE x SIP/2.0\r\n\r\n", b"SIP/2.0 200 OK\r\nCSeq: x\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"):
            platform.send(data)
        branch = platform.ask("", method="OPTIONS")
        await platform.wait_for(lambda message: message.branch == branch)
        assert client.status()["state"] == "registered"
        assert client.counts["refused"] >= 2


async def test_equal_queries_are_answered_once_with_the_newest_number() -> None:
    first, go_on = asyncio.Event(), asyncio.Event()

    async def held(after: str, limit: int) -> list[dict[str, Any]]:
        first.set()
        await go_on.wait()
        return await points(after, limit)

    platform = Platform()
    async with connected(platform, "tcp", facts=replace(FACTS, points=held)) as client:
        await registered(platform)
        platform.ask(query("Catalog", 1))
        await first.wait()
        for number in range(2, 40):
            platform.ask(query("Catalog", number))
        platform.ask(query("DeviceStatus", 40))
        await until(lambda: len(client._queries) == 2)
        go_on.set()
        await platform.wait_for(partial(_holds, b"<CmdType>DeviceStatus</CmdType>"))
    told = [body_of(message).findtext("SN") for message in platform.got if b"<CmdType>Catalog" in message.body]
    assert told == ["1", "39"]


async def test_pages_of_the_catalogue_leave_at_a_bounded_rate() -> None:
    beyond = 8
    codes = [f"3702020000132{number:07d}" for number in range(2 * (int(PAGES_AT_ONCE) + beyond))]

    async def many(after: str, limit: int) -> list[dict[str, Any]]:
        return [POINTS[0] | {"code": code} for code in codes if code > after][:limit]

    async def count_many() -> int:
        return len(codes)

    platform = Platform()
    async with connected(platform, "udp", facts=replace(FACTS, points=many, count=count_many)) as client:
        await registered(platform)
        begun = client.clock.now()
        platform.ask(query("Catalog"))
        await platform.wait_for(partial(_holds, codes[-1].encode()))
        assert client.clock.now().seconds_since(begun) >= beyond / PAGES_PER_S
