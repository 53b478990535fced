"""A running node whose recall cannot go on yet: it says so, answers no reader of that resource, and goes on with everything else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from node.clock import SystemClock
from node.identity.bundle_seal import BundleSeal
from node.identity.files import IdentityFiles
from node.recall.eraser import Eraser
from node.recall.errors import RecallError
from policies.presets import preset_bundle
from sync.model import Level
from sync.transport.local_api import LocalApiCode, LocalApiError
from tests.node.identity.family import DAY_US
from tests.node.recall.holder import RESOURCE, entry
from tests.node.station import call, make_station, running

AIR = {"resource": RESOURCE, "columns": ["device", "quantity", "value", "text", "unit"], "rows": [["d1", "pm25", 150.0, None, None]]}


@pytest.mark.slow
async def test_readers_wait_and_devices_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = make_station(tmp_path / "n")
    _list_entry(config.folder)
    blocked = True
    carry_out = Eraser.carry_out

    async def later(self: Eraser, order: object) -> object:
        if blocked:
            raise RecallError("the log is in use")
        return await carry_out(self, order)  # type: ignore[arg-type]

    monkeypatch.setattr(Eraser, "carry_out", later)
    async with running(config):
        await call(config, "put", **AIR)
        for verb, arguments in (("readings", {"resource": RESOURCE}), ("summary", {"resource": RESOURCE, "from_us": 0, "to_us": 1})):
            with pytest.raises(LocalApiError, match="entry NL-1 recalls records of it, and this node has not complied yet") as refused:
                await call(config, verb, **arguments)
            assert refused.value.code in (LocalApiCode.NOT_READY, LocalApiCode.DENIED)
        assert (await call(config, "readings", resource="traffic"))["rows"] == []
        listed = await call(config, "recall_list")
        assert "the log is in use" in str(listed["fault"])
        assert [one["state"] for one in listed["recalls"]] == ["pending"]  # type: ignore[attr-defined]
    blocked = False
    async with running(config):
        states: list[str] = []
        while states != ["done"]:
            states = [one["state"] for one in (await call(config, "recall_list"))["recalls"]]  # type: ignore[attr-defined]
        assert len((await call(config, "readings", resource=RESOURCE))["rows"]) == 1  # type: ignore[arg-type]
        shown = await call(config, "recall_show", id="NL-1")
        assert (shown["own"]["erased"], shown["own"]["kept"]) == (0, 1)  # type: ignore[index]
        with pytest.raises(LocalApiError, match="recall 'NL-2' is not here"):
            await call(config, "recall_show", id="NL-2")
        entered = (await call(config, "audit_log", kinds=["recall"]))["entries"]
        steps = [(one["detail"]["step"], one["detail"]["entry"]) for one in entered]  # type: ignore[attr-defined]
        assert steps == [("done", "NL-1"), ("begun", "NL-1")]


def _list_entry(folder: Path) -> None:
    """Let the node's own first bundle hold an entry, as if it had been issued here."""
    now_us = SystemClock().wall_us()
    bundle = preset_bundle(Level.PROVINCIAL, issuer="shandong", not_before_us=now_us - DAY_US, not_after_us=now_us + 30 * DAY_US)
    made = entry(valid_from_us=now_us - DAY_US, valid_to_us=now_us + DAY_US)
    signed = BundleSeal(IdentityFiles(folder)).sign(replace(bundle, contents=replace(bundle.contents, entries=(made,))))
    (folder / "policy").mkdir()
    (folder / "policy" / "shandong.json").write_bytes(signed.encode())
