"""A real node keeps its log: what an operator does is in it before it is done, and the log of a stopped node is read from its file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from node.audit.report import report_of_file
from sync.transport.local_api import LocalApiError
from tests.node.station import call, make_station, running


@pytest.mark.slow
def test_a_node_enters_what_is_done_and_its_log_holds_running_and_stopped(tmp_path: Path) -> None:
    config = make_station(tmp_path / "node")

    async def life() -> list[dict[str, Any]]:
        async with running(config):
            await call(config, "token_create", level="municipal", territory="3702")
            with pytest.raises(LocalApiError):
                await call(config, "admit", node="nobody", accept=True)
            page = await call(config, "audit_log", kinds=["operator", "start"])
            found = await call(config, "audit_verify")
            assert (found["verdict"], found["findings"]) == ("cannot-tell", [])
            status = await call(config, "status")
            assert status["audit"]["entries"] == found["last"]  # type: ignore[index]
            entries = page["entries"]
            assert isinstance(entries, list)
            return entries

    entries = asyncio.run(life())
    told = [(entry["kind"], entry["subject"], entry["detail"].get("verb")) for entry in reversed(entries)]
    assert told[:3] == [("start", "shandong", None), ("operator", "3702", "token_create"), ("operator", "nobody", "admit")]
    assert "token" not in str([entry["detail"] for entry in entries]).replace("token_create", "")
    stopped = report_of_file(config.data_dir / "journal.db")
    assert (stopped["verdict"], stopped["findings"], stopped["open_rows"]) == ("cannot-tell", [], 0)
    assert stopped["last"] >= len(entries)
