"""A parent with a join service on loopback, for tests of joining, renewal and signed time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from node.identity.admissions import Admissions
from node.identity.facts import NodeFacts
from node.identity.files import IdentityFiles
from node.identity.join_client import JoinOutcome, join_parent
from node.identity.join_server import JoinServer
from sync.model import Level, Territory
from tests.node.identity.family import CITY, NOW_US, PROVINCE, StandingClock, make_node


@dataclass
class Parent:
    """A running parent with its clock."""

    files: IdentityFiles
    admissions: Admissions
    server: JoinServer
    clock: StandingClock
    address: str

    def token(self, level: Level = Level.DISTRICT, code: str = "3702", *, ttl_s: float = 60, auto_accept: bool = True) -> str:
        token, _ = self.admissions.create_token(
            ca_sha256=self.files.ca_sha256(),
            level=level,
            territory=Territory(code),
            ttl_s=ttl_s,
            auto_accept=auto_accept,
            now_us=self.clock.us,
        )
        return str(token)

    async def join(self, files: IdentityFiles, facts: NodeFacts, token: str, **options: object) -> JoinOutcome:
        return await join_parent(self.address, token, files=files, facts=facts, clock=self.clock, **options)  # type: ignore[arg-type]


@asynccontextmanager
async def serving_city(folder: Path) -> AsyncIterator[Parent]:
    """A city whose join service listens on loopback."""
    province = make_node(folder, PROVINCE)
    files = make_node(folder, CITY, parent=province)
    clock = StandingClock()
    admissions = Admissions(files.database, files.authority())
    path = files.own(now_us=NOW_US).path
    server = JoinServer(files, admissions, own_path=path, link_address="127.0.0.1:9000", clock=clock)
    port = await server.start("127.0.0.1", 0)
    yield Parent(files, admissions, server, clock, f"127.0.0.1:{port}")
    await server.stop()
    admissions.close()
