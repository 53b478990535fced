"""A node without its parent runs, stops within seconds on SIGTERM, and keeps secrets out of its log (issue 2, items 2 and 6)."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator

import aiomqtt
import pytest

from sync.model import Level
from tests.e2e.cluster import CHAIN, HOST, Cluster, cli_json, records
from tests.node.ingest.mqtt.stand import NEW, PRESENT, PUBCOMP, PUBREC, PUBREL, Wire, connect, number, publish, reading_json

pytestmark = pytest.mark.slow

STOP_TIMEOUT_S = 3.0
PARENT, CHILD = "shandong", "qingdao"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A province and a city, of which only the city runs."""
    cluster = Cluster(tmp_path_factory.mktemp("pair"))
    cluster.make(CHAIN[:2])
    cluster.start(CHILD)
    yield cluster
    cluster.stop()


async def dial(pair: Cluster) -> Wire:
    """A connection to the child's sensor door, packets by hand."""
    return Wire(*await asyncio.open_connection(HOST, pair[CHILD].ports["door"]))


def ensure_running(pair: Cluster) -> None:
    """Start what does not run, so that each test can be run alone."""
    for node in pair.nodes.values():
        if node.process is None:
            pair.start(node.id)


async def test_a_node_that_never_met_its_parent_stores_once_and_passes_on_later(pair: Cluster) -> None:
    reading = {"device": "d", "time": 1_760_000_000, "quantity": "q", "value": 1.0}
    async with aiomqtt.Client(HOST, pair[CHILD].ports["door"]) as client:
        await client.publish("air-quality/reading/d", json.dumps(reading), qos=1, timeout=STOP_TIMEOUT_S)
    wire = await dial(pair)
    await wire.says(connect("pump"), NEW)
    await wire.says(publish(5, reading_json()), PUBREC + number(5))
    assert "no_uplink" in pair[CHILD].call("status")["node"]["words"]
    pair[CHILD].kill()
    wire.drop()
    pair.start(CHILD)
    wire = await dial(pair)
    await wire.says(connect("pump"), PRESENT)
    await wire.says(publish(5, reading_json(), again=True), PUBREC + number(5))
    await wire.says(PUBREL + number(5), PUBCOMP + number(5))
    wire.drop()
    assert records(pair[CHILD], "air-quality") == 2
    pair.start(PARENT)
    pair.wait_records("air-quality", 2, PARENT)


def test_a_term_signal_stops_every_node_cleanly_in_time(pair: Cluster) -> None:
    ensure_running(pair)
    for name in (CHILD, PARENT):
        assert pair[name].stop(STOP_TIMEOUT_S) == 0
        assert "Traceback" not in pair[name].log
        assert not (pair[name].folder / "api.sock").exists()


def test_no_log_holds_a_secret(pair: Cluster) -> None:
    ensure_running(pair)
    token = cli_json(pair[PARENT].folder, "token", "create", "--level", Level.MUNICIPAL.word, "--territory", "3701")["token"]
    pair[PARENT].stop()
    secret = token.rpartition(".")[2]
    assert len(secret) == 43
    for node in pair.nodes.values():
        assert secret not in node.log
        assert not re.search(r"PRIVATE KEY|password *[:=]|::[0-9a-f]{16}\.", node.log)
        assert {path.stat().st_mode & 0o077 for path in (node.folder / "keys").iterdir()} == {0}
