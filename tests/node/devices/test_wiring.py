"""A device at the door of a real node: entered, commanded while it is away, over a restart, and answering."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from node.config.config import NodeConfig
from tests.node.station import CALL_TIMEOUT_S, call, make_station, running

NAME = "lamp-1"


async def door_of(config: NodeConfig) -> int:
    """The port of the sensor door, once it is open."""
    async with asyncio.timeout(CALL_TIMEOUT_S):
        while not (listen := (await _status(config))["door"]["listen"]):
            continue
    return int(listen[0].rpartition(":")[2])


async def _status(config: NodeConfig) -> Any:
    return await call(config, "status")


async def obey(port: int, version: aiomqtt.ProtocolVersion) -> dict[str, Any]:
    """Come as the device, say what is measured, take one command and answer it; the command."""
    async with asyncio.timeout(CALL_TIMEOUT_S), aiomqtt.Client("127.0.0.1", port, identifier=NAME, protocol=version) as device:
        await device.publish(f"air-quality/json/{NAME}", json.dumps({"power": 7.0, "battery": 55}), qos=1)
        await device.subscribe(f"command/{NAME}/#", qos=1)
        message = await anext(aiter(device.messages))
        command: dict[str, Any] = json.loads(message.payload)
        await device.publish(f"command/{NAME}/answer", json.dumps({"id": command["id"], "result": "done", "text": "as told"}), qos=1)
        return command


@pytest.mark.slow
async def test_a_command_waits_for_its_device_over_a_restart_and_both_versions_take_it(tmp_path: Path) -> None:
    config = make_station(tmp_path / "n")
    async with running(config):
        await call(config, "device_import", devices=[{"device": NAME, "owner": "parks"}], by="li")
        issued = await call(config, "device_command", device=NAME, name="identify", arguments={"seconds": "5"}, by="li")
    async with running(config):
        port = await door_of(config)
        command = await obey(port, aiomqtt.ProtocolVersion.V311)
        assert (command["id"], command["name"], command["arguments"]) == (issued["id"], "identify", {"seconds": 5})
        shown: Any = await call(config, "device_show", device=NAME)
        assert [(each["state"], each["why"]) for each in shown["commands"]] == [("done", "as told")]
        assert (shown["device"]["battery"], shown["device"]["values"]["power"]["value"]) == (55.0, 7.0)
        waiting = asyncio.create_task(call(config, "device_command", device=NAME, name="report", by="li", wait_s=10.0))
        assert (await obey(port, aiomqtt.ProtocolVersion.V5))["name"] == "report"
        assert (await waiting)["state"] == "done"
        log: Any = await call(config, "audit_log", kinds=["case"])
        told = [
            (entry["by"], entry["detail"].get("word"), entry["detail"].get("command", entry["detail"].get("result")))
            for entry in log["entries"]
        ]
        assert ("li", "issue", "identify") in told
        assert (f"device {NAME}", "done", "done") in told
