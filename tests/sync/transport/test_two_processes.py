"""A parent here and a child in a process of its own."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.sync.transport.parent import PATIENCE_S, Parent, listening_parent, take, tree

ROOT = Path(__file__).parents[3]
MESSAGES, MESSAGE_BYTES = 64, 1 << 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The child's credentials as files."""
    own = tree()[1]
    for name, pem in (("key", own.key_pem), ("chain", own.chain_pem), ("root", own.root_pem)):
        (tmp_path / f"{name}.pem").write_bytes(pem)
    return tmp_path


async def child_of(parent: Parent, folder: Path, count: int) -> asyncio.subprocess.Process:
    arguments = [str(folder), parent.address, str(count), str(MESSAGE_BYTES)]
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.sync.transport.child_process", *arguments, cwd=ROOT)


@pytest.mark.slow
async def test_a_child_process_sends_and_leaves(folder: Path) -> None:
    async with listening_parent() as parent:
        child = await child_of(parent, folder, MESSAGES)
        session = await parent.next_session()
        assert sum(len(data) for data in await take(session, MESSAGES)) == MESSAGES * MESSAGE_BYTES
        await session.send(b"all here", urgent=True)
        assert await asyncio.wait_for(child.wait(), PATIENCE_S) == 0
        assert await asyncio.wait_for(session.closed, PATIENCE_S) == "the peer ended the session"


@pytest.mark.slow
async def test_a_killed_child_ends_its_session_and_may_come_back(folder: Path) -> None:
    async with listening_parent() as parent:
        for _ in range(2):
            child = await child_of(parent, folder, MESSAGES)
            session = await parent.next_session()
            await take(session, 1)
            child.kill()
            await child.wait()
            assert await asyncio.wait_for(session.closed, PATIENCE_S)
