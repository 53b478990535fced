"""Two whole nodes that only files connect: joined by file, and renewed by what a courier carries anyway."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from node.carriage.papers import Papers
from node.carriage.parcel import peek_header
from node.clock import SystemClock
from node.config.config import NodeConfig
from node.config.template import render_config
from node.engine.engine_room import journal_path
from node.fork.absence import heard_at
from node.identity.admissions import Admissions
from node.identity.certificates import CA_LIFE_S
from node.identity.files import IdentityFiles
from node.identity.join_files import decide_request, take_answer, write_answer, write_request
from node.identity.renewal import Dates
from node.identity.verify import load_chain
from node.verbs.folder import facts_of_config, open_admissions
from node.verbs.init import init_node
from sync.model import MICROSECONDS, Instant, Level, Territory
from tests.node.station import call, running

DAY_US = 86_400 * MICROSECONDS
PAST_HALF_DAYS = CA_LIFE_S // 86_400 // 2 + 5
PARENT, CHILD = "shandong", "qd-street"


@dataclass
class LaterClock:
    """The machine's clock, some days ahead."""

    days: int = 0

    def now(self) -> Instant:
        return SystemClock().now()

    def wall_us(self) -> int:
        return SystemClock().wall_us() + self.days * DAY_US


@dataclass(slots=True)
class Pair:
    """A parent and its child."""

    parent: NodeConfig
    child: NodeConfig
    clock: LaterClock
    stick: Path

    @property
    def files(self) -> IdentityFiles:
        """The child's identity."""
        return IdentityFiles(self.child.folder)

    @property
    def ca_end_us(self) -> int:
        """When the child's CA certificate ends."""
        return Dates.of(self.files.own_chain()[1]).end_us

    @asynccontextmanager
    async def both_running(self) -> AsyncIterator[None]:
        async with running(self.parent), running(self.child):
            yield

    @property
    def heard_above_us(self) -> int:
        """Up to when the child knows what was decided above."""
        with closing(sqlite3.connect(f"file:{journal_path(self.child)}?mode=ro", uri=True)) as db:
            found = heard_at(db)
        assert found is not None
        return found

    async def carry(self) -> dict[str, Any]:
        """The courier's round: a file of the child to the parent, and the receipt back; what the parent said."""
        exported = await call(self.child, "bundle_export", peer=PARENT, folder=str(self.stick))
        imported = await call(self.parent, "bundle_import", paths=exported["files"] or [str(self.stick)], receipts=str(self.stick))
        for receipt in imported["receipts"]:  # type: ignore[attr-defined]
            await call(self.child, "bundle_receipt", path=receipt)
        return imported

    def go_past_half(self) -> None:
        """A year passes; the province has renewed its own CA, which caps those of its children."""
        self.clock.days = PAST_HALF_DAYS
        assert IdentityFiles(self.parent.folder).renew_top(facts_of_config(self.parent), now_us=self.clock.wall_us())

    async def put(self, value: float) -> None:
        columns = ["device", "quantity", "value", "text", "unit"]
        await call(self.child, "put", resource="air-quality", columns=columns, rows=[["a1", "PM2.5", value, None, "ug/m3"]])


def make(folder: Path, node: str, level: Level, code: str) -> NodeConfig:
    text = render_config(node=node, level=level, territory=Territory(code), devices_listen=("127.0.0.1:0",), anonymous=True)
    return init_node(folder / node, text, SystemClock())


def join_by_file(child: NodeConfig, parent: NodeConfig, scratch: Path) -> None:
    now_us = SystemClock().wall_us()
    with open_admissions(parent.folder) as (files, admissions):
        token, _ = admissions.create_token(
            ca_sha256=files.ca_sha256(), level=child.level, territory=child.territory, ttl_s=60, auto_accept=True, now_us=now_us
        )
        write_request(scratch / "request", files=IdentityFiles(child.folder), facts=facts_of_config(child), token=str(token))
        own_path = files.own(now_us=None).path
        write_answer(
            scratch / "answer", decide_request(scratch / "request", admissions=admissions, own_path=own_path, now_us=now_us), files=files
        )
    take_answer(scratch / "answer", files=IdentityFiles(child.folder), facts=facts_of_config(child), now_us=now_us)


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pair:
    """Nodes that never had a connection; `clock` is both their machines' clock."""
    parent, child = make(tmp_path, PARENT, Level.PROVINCIAL, "37"), make(tmp_path, CHILD, Level.STREET, "370202001")
    join_by_file(child, parent, tmp_path)
    clock = LaterClock()
    monkeypatch.setattr("node.identity.passport.SystemClock", lambda: clock)
    (tmp_path / "stick").mkdir()
    return Pair(parent, child, clock, tmp_path / "stick")


@pytest.mark.slow
async def test_a_certificate_past_half_of_its_life_is_renewed_by_the_files_that_go_anyway(pair: Pair) -> None:
    pair.go_past_half()
    before_us = pair.ca_end_us
    async with pair.both_running():
        await pair.carry()
        assert pair.ca_end_us > before_us + (PAST_HALF_DAYS - 10) * DAY_US
        papers = Papers(pair.parent.data_dir / "carriage")
        assert papers.read(CHILD).issued
        await pair.put(1.0)
        taken = await pair.carry()
        assert taken["refused"] == []
        assert papers.read(CHILD).issued == ""
        assert (await call(pair.parent, "status"))["node"]["records"] == {"air-quality": 1}  # type: ignore[index]
    issued = load_chain(pair.files.read(pair.files.certificate("ca")))[0]
    assert pair.files.own(now_us=pair.clock.wall_us()).path == (PARENT, CHILD)
    assert Dates.of(issued).end_us == pair.ca_end_us


@pytest.mark.slow
async def test_a_certificate_in_its_first_half_is_not_asked_for_and_the_file_counts_as_word_from_above(pair: Pair) -> None:
    before_us = pair.ca_end_us
    async with pair.both_running():
        await pair.carry()
        assert pair.ca_end_us == before_us
        assert Papers(pair.parent.data_dir / "carriage").read(CHILD).issued == ""
        first_us = pair.heard_above_us
        await pair.carry()
        assert pair.heard_above_us > first_us


@pytest.mark.slow
async def test_a_dismissed_child_is_not_renewed_by_file(pair: Pair) -> None:
    pair.go_past_half()
    before_us = pair.ca_end_us
    async with pair.both_running():
        exported = await call(pair.child, "bundle_export", peer=PARENT, folder=str(pair.stick))
        files = IdentityFiles(pair.parent.folder)
        admissions = Admissions(files.database, files.authority())
        admissions.refuse(CHILD)
        admissions.close()
        taken = await call(pair.parent, "bundle_import", paths=exported["files"], receipts=str(pair.stick))
        assert [entry["why"] for entry in taken["refused"]] != []  # type: ignore[attr-defined]
    assert pair.ca_end_us == before_us


@pytest.mark.slow
async def test_a_renewal_brought_by_hand_is_taken_up_by_the_running_node(pair: Pair, tmp_path: Path) -> None:
    pair.go_past_half()
    facts, now_us = facts_of_config(pair.child), pair.clock.wall_us()
    async with running(pair.child):
        assert "certificate_expiring" not in (await call(pair.child, "status"))["node"]["words"]  # type: ignore[index]
        write_request(tmp_path / "request", files=pair.files, facts=facts, token="")
        with open_admissions(pair.parent.folder) as (files, admissions):
            decided = decide_request(tmp_path / "request", admissions=admissions, own_path=(PARENT,), now_us=now_us)
            write_answer(tmp_path / "answer", decided, files=files)
        before_us = pair.ca_end_us
        take_answer(tmp_path / "answer", files=pair.files, facts=facts, now_us=now_us)
        assert pair.ca_end_us > before_us
        exported = await call(pair.child, "bundle_export", peer=PARENT, folder=str(pair.stick))
        shown = peek_header(Path(exported["files"][0])).chain_pem  # type: ignore[index]
        assert Dates.of(load_chain(shown.encode())[1]).end_us == pair.ca_end_us
