"""Everything devices speak to, taken down."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from random import Random

import pytest

from node.config.config import load_config
from node.ingest import plane as plane_module
from node.ingest.inbox import Inbox
from node.ingest.plane import DevicePlane
from tests.node.ingest.parts import SCHEMAS, TERRITORY, StillClock


async def test_a_plane_that_was_stopped_looks_after_nothing_that_it_closed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plane_module, "TICK_S", 0.0)
    path = tmp_path / "node.toml"
    path.write_text(f'[node]\nid = "qd-shinan"\nlevel = "district"\nterritory = "{TERRITORY}"\n\n[devices]\nlisten = []\n', "utf-8")
    config = load_config(path)
    config.data_dir.mkdir(exist_ok=True)
    plane = DevicePlane(config, inbox=Inbox(SCHEMAS, on_data=lambda: None), schemas=SCHEMAS, clock=StillClock(), rng=Random(1))
    caplog.set_level(logging.WARNING, "yunnao.devices")
    running = asyncio.create_task(plane.run())
    await plane.stop()
    await asyncio.wait_for(running, 5)
    assert caplog.messages == []
