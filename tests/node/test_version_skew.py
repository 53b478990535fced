"""Two whole nodes over a real link (gRPC, mTLS, loopback), one of which speaks as another version: data flows and the link stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from node.config.config import NodeConfig
from node.links.newer import KINDS_MAX, OTHERS, PEERS_MAX, NewerWords
from node.links.opening import UNKNOWN_AT_FIRST_MAX
from node.verbs.folder import read_config
from sync.model import Level
from sync.transport.link_dialer import dial
from sync.transport.mailbox import Group
from sync.transport.session import Session
from sync.wire import yunnao_pb2 as pb
from tests.contracts.conversation.versions import in_a_new_lane, new_question, newer, older, unknown_message
from tests.e2e.cluster import QUICK_LIMITS, Cluster, Place
from tests.node.station import CALL_TIMEOUT_S, call, running

PARENT, CHILD = "shandong", "qingdao"
TREE = (Place(PARENT, Level.PROVINCIAL, "37"), Place(CHILD, Level.MUNICIPAL, "3702", PARENT))
COLUMNS = ["device", "quantity", "value", "text", "unit"]

Change = Callable[[bytes], Sequence[bytes]]


class SkewedSession:
    """A session whose far end seems to be of another version, to both of its ends."""

    def __init__(self, session: Session, change: Change) -> None:
        self._session = session
        self._change = change

    async def send(self, data: bytes, *, urgent: bool) -> None:
        for message in self._change(data):
            await self._session.send(message, urgent=urgent)

    async def incoming(self, *groups: Group) -> AsyncIterator[bytes]:
        async for data in self._session.incoming(*groups):
            for message in self._change(data):
                yield message

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def __setattr__(self, name: str, value: object) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        else:
            setattr(self._session, name, value)


def far_end_speaks(monkeypatch: pytest.MonkeyPatch, change: Change) -> None:
    """From now on links that are dialled in this process join programs of two versions."""

    async def skewed(*arguments: Any, **options: Any) -> SkewedSession:
        return SkewedSession(await dial(*arguments, **options), change)

    monkeypatch.setattr("node.appliance.dial", skewed)


def newer_in_everything(data: bytes) -> list[bytes]:
    """More in each message, messages in between, frames and marks of a lane that came later, and beside heartbeats a question that did."""
    asks = [new_question()] if pb.Envelope.FromString(data).HasField("heartbeat") else []
    return [*in_a_new_lane(data), *newer(data), *asks]


@pytest.fixture
def tree(tmp_path: Path) -> tuple[NodeConfig, NodeConfig]:
    """A parent and a child that joined it; neither runs."""
    cluster = Cluster(tmp_path)
    cluster.make(TREE, limits=QUICK_LIMITS)
    return read_config(cluster[PARENT].folder), read_config(cluster[CHILD].folder)


async def wait_for(config: NodeConfig, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The node's status once `is_so`."""
    async with asyncio.timeout(CALL_TIMEOUT_S):
        while not is_so(status := await call(config, "status")):  # noqa: ASYNC110 - the nodes make it true, and tell nobody
            await asyncio.sleep(0)
    return status


def has_air(count: int) -> Callable[[dict[str, Any]], bool]:
    return lambda status: bool(status["node"]["records"].get("air-quality", 0) >= count)


def is_up(status: dict[str, Any]) -> bool:
    return bool(status["node"]["link"]["state"] == "up" and status["node"]["policy"])


async def put(config: NodeConfig, value: float) -> None:
    await call(config, "put", resource="air-quality", columns=COLUMNS, rows=[["a1", "PM2.5", value, None, "ug/m3"]])


@pytest.mark.slow
@pytest.mark.parametrize("change", [older, newer_in_everything], ids=["older", "newer"])
async def test_data_flows_between_versions_and_the_link_stays(
    tree: tuple[NodeConfig, NodeConfig], monkeypatch: pytest.MonkeyPatch, change: Change
) -> None:
    parent, child = tree
    far_end_speaks(monkeypatch, change)
    async with running(parent), running(child):
        up = await wait_for(child, is_up)
        for value in (1.0, 2.0):
            await put(child, value)
            await wait_for(parent, has_air(int(value)))
        after = await wait_for(child, is_up)
        assert after["node"]["link"]["since_us"] == up["node"]["link"]["since_us"]
        assert [entry["links"] for entry in (await call(parent, "status"))["offences"]] == []  # type: ignore[attr-defined]


@pytest.mark.slow
async def test_what_a_newer_peer_says_shows_once_in_the_log_and_in_the_status(
    tree: tuple[NodeConfig, NodeConfig], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    parent, child = tree
    far_end_speaks(monkeypatch, newer_in_everything)
    async with running(parent), running(child):
        await wait_for(child, is_up)
        await put(child, 1.0)
        status = await wait_for(parent, has_air(1))
        status = await wait_for(parent, lambda now: any("data of lane 9" in entry["kinds"] for entry in now["newer"]))
        (heard,) = status["newer"]
        assert heard["peer"] == CHILD
        assert set(heard["kinds"]) >= {"a message of field 901", "data of lane 9", "link protocol 2"}
        assert heard["kinds"]["a message of field 901"] > 1
        lines = [record.message for record in caplog.records if record.message.startswith(f"{CHILD} runs a newer program")]
        assert len(lines) == len(set(lines)) == len(heard["kinds"])


@pytest.mark.slow
async def test_a_peer_that_says_only_unknown_things_gets_no_link(
    tree: tuple[NodeConfig, NodeConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    parent, child = tree
    far_end_speaks(monkeypatch, lambda data: [unknown_message()] * (UNKNOWN_AT_FIRST_MAX + 1))
    async with running(parent), running(child):
        status = await wait_for(parent, lambda now: bool(now["offences"]))
        assert f"{CHILD} sent {UNKNOWN_AT_FIRST_MAX} messages that are not known here" in status["offences"][0]["last"]
        # The parent may say so before the child has noticed.
        status = await wait_for(child, lambda now: now["node"]["link"]["state"] != "none")
        assert status["node"]["link"]["state"] == "down"


def test_kinds_and_peers_are_bounded() -> None:
    words = NewerWords()
    for number in range(KINDS_MAX + 5):
        words.note("chatty", f"kind {number}")
    for number in range(PEERS_MAX - 1):
        words.note(f"peer-{number}", "a kind")
    facts = words.facts()
    assert (len(facts), facts[-1]["peer"]) == (PEERS_MAX, "chatty")
    assert facts[-1]["kinds"][OTHERS] == 5  # type: ignore[index]
    words.note("one-more", "a kind")
    assert "chatty" not in {entry["peer"] for entry in words.facts()}
