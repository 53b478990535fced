"""`yunnao evidence` and its API on a running node."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from edge_ai.evidence.watermark import jpeg_size
from node.cli import main
from node.clock import SystemClock
from node.config.config import NodeConfig
from node.evidence.store import FOLDER
from sync.transport.local_api import LocalApiError
from tests.node.evidence.office import Office
from tests.node.evidence.test_fetching import picture
from tests.node.station import call, make_station, running, until

pytestmark = pytest.mark.slow


@pytest_asyncio.fixture
async def node(tmp_path: Path) -> AsyncIterator[NodeConfig]:
    """A running province with three events: one kept, one whose original is gone, and one whose original was let go by age."""
    config = make_station(tmp_path / "n")
    office = Office(config.data_dir)
    now_us = SystemClock().wall_us()
    office.happened("event-kept", original=picture(), at_us=now_us)
    office.happened("event-gone", original=b"gone", at_us=now_us)
    office.happened("event-aged", original=b"aged")
    originals = {path.read_bytes(): path for path in office.desk.store.folder.rglob("*.jpg")}
    originals[b"gone"].unlink()
    office.close()
    for path in config.data_dir.glob("journal.db*"):
        path.unlink()
    async with running(config):
        # The first round about ages comes after the node answers; a row says that an original went before its file goes.
        await until(lambda: not originals[b"aged"].exists())
        yield config


async def typed(config: NodeConfig, *words: str) -> int:
    """The exit code of a command."""
    return await asyncio.to_thread(main, ["--lang", "en", "--dir", str(config.folder), "evidence", *words])


async def test_a_person_lists_checks_exports_and_drops(node: NodeConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "copy.jpg"
    assert await typed(node, "list") == 0
    shown = capsys.readouterr()
    assert "event-kept" in shown.out
    assert "the file is gone" in shown.out
    assert "kept 1, missing 0, expired 1, dropped 0, lost 1" in shown.err
    assert await typed(node, "show", "event-kept") == 0
    assert "file: evidence/20" in capsys.readouterr().out
    assert await typed(node, "check", "--deep") == 0
    assert await typed(node, "export", "event-kept", "--out", str(out), "--why", "look", "--by", "李") == 0
    assert jpeg_size(out.read_bytes()) != jpeg_size(picture())
    assert oct(out.stat().st_mode)[-3:] == "600"
    log = [(one["kind"], one["subject"], one["by"]) for one in (await call(node, "audit_log", limit=9))["entries"]]  # type: ignore[attr-defined]
    assert {("export", "event-kept", "李"), ("operator", "evidence", "program")} <= set(log)
    assert await typed(node, "drop", "event-kept", "--why", "mistaken") == 0
    assert await typed(node, "export", "event-kept", "--out", str(out), "--why", "look") == 4
    assert "dropped" in capsys.readouterr().err


async def test_a_changed_original_ends_the_check_with_one(node: NodeConfig, capsys: pytest.CaptureFixture[str]) -> None:
    next(path for path in (node.data_dir / FOLDER).rglob("*.jpg") if path.read_bytes() == picture()).write_bytes(b"forged")
    assert await typed(node, "check", "--json") == 0
    assert json.loads(capsys.readouterr().out)["damaged"] == {"count": 0, "names": []}
    assert await typed(node, "check", "--deep") == 1
    assert "changed: 1 originals" in capsys.readouterr().out
    assert (await call(node, "status"))["node"]["words"].count("evidence_trouble") == 1  # type: ignore[index]


async def test_what_makes_no_sense_is_refused_in_words(node: NodeConfig) -> None:
    for verb, arguments, words in NONSENSE:
        with pytest.raises(LocalApiError, match=words):
            await call(node, verb, **arguments)


NONSENSE: list[tuple[str, dict[str, object], str]] = [
    ("evidence_show", {"id": "../../../etc/passwd"}, "not known here"),
    ("evidence_show", {"id": "short"}, "refused"),
    ("evidence_list", {"state": "stolen"}, "refused"),
    ("evidence_export", {"id": "event-kept", "by": "", "why": "x"}, "refused"),
    ("evidence_fetch", {"id": "0" * 16, "picture": "event-kept", "by": "li"}, "is not here"),
]
