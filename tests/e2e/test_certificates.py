"""Certificates that live twenty seconds, on real nodes: renewed in time, ended while a node was off, and no record lost on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import aiomqtt
import pytest

from node.clock import SystemClock
from node.config.config import load_config
from node.identity.certificates import to_pem
from node.identity.files import IdentityFiles
from node.verbs.folder import facts_of_config
from tests.e2e.cluster import CHAIN, HOST, Cluster, is_linked

pytestmark = pytest.mark.slow

LIFE_S = 20
PATIENCE_S = 60.0
PARENT, CHILD = "shandong", "qingdao"
SHORT = f"\n[identity]\nleaf_life_s = {LIFE_S}\nca_life_s = {LIFE_S}\n"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A province and a city that issue for twenty seconds; the city's first CA certificate is as short."""
    cluster = Cluster(tmp_path_factory.mktemp("certificates"))
    cluster.make([replace(place, extra=SHORT) for place in CHAIN[:2]])
    shorten(cluster)
    cluster.start()
    yield cluster
    cluster.stop()


def shorten(cluster: Cluster) -> None:
    """Issue the city's CA again, for LIFE_S seconds from now."""
    parent, child = IdentityFiles(cluster[PARENT].folder), IdentityFiles(cluster[CHILD].folder)
    facts = facts_of_config(load_config(cluster[CHILD].folder / "node.toml"))
    now_us = SystemClock().wall_us()
    certificate = parent.authority(life_s=LIFE_S).issue(child.request(facts), level=facts.level, territory=facts.territory, now_us=now_us)
    chain = to_pem(certificate) + parent.read(parent.certificate("ca"))
    child.install(facts, ca_chain_pem=chain, root_pem=parent.root_pem(), now_us=now_us)


def ends_us(cluster: Cluster) -> int:
    """When the city's chain ends, as it lies on the disk."""
    return IdentityFiles(cluster[CHILD].folder).own(now_us=None).not_after_us


async def publish(cluster: Cluster, number: int) -> None:
    """One reading into the city's door, acknowledged."""
    reading = {"device": "d", "time": 1_760_000_000 + number, "quantity": "q", "value": 1.0}
    async with aiomqtt.Client(HOST, cluster[CHILD].ports["door"]) as client:
        await client.publish("air-quality/reading/d", json.dumps(reading), qos=1, timeout=5.0)


async def test_records_pass_while_certificates_of_twenty_seconds_are_renewed_twice(pair: Cluster) -> None:
    for number in (1, 2):
        seen_us = ends_us(pair)
        pair.wait("the certificates to be renewed", lambda seen_us=seen_us: ends_us(pair) > seen_us, timeout_s=PATIENCE_S)  # type: ignore[misc]
        await publish(pair, number)
        pair.wait_records("air-quality", number, PARENT, timeout_s=PATIENCE_S)


async def test_a_node_whose_certificates_ended_while_it_was_off_renews_and_links(pair: Cluster) -> None:
    await publish(pair, 3)
    pair[CHILD].kill()
    pair.wait("the certificates to end", lambda: SystemClock().wall_us() > ends_us(pair), timeout_s=PATIENCE_S, watch=pair[PARENT])
    pair.start(CHILD)
    await publish(pair, 4)
    pair.wait("the link", lambda: is_linked(pair[CHILD]), timeout_s=PATIENCE_S)
    pair.wait_records("air-quality", 4, PARENT, timeout_s=PATIENCE_S)
    assert "has ended" not in pair[PARENT].log
