"""Which sockets a node of each level opens (issue 2, item 3), seen from outside with psutil."""

from __future__ import annotations

import psutil
import pytest

from sync.model import Level
from tests.e2e.cluster import HOST, Cluster

pytestmark = pytest.mark.slow


def listening(pid: int) -> set[tuple[str, int]]:
    """Addresses on which a process listens for TCP; a loopback address of IPv4 on a socket of IPv6 is written as what it is."""
    connections = psutil.Process(pid).net_connections(kind="tcp")
    return {(item.laddr.ip.removeprefix("::ffff:"), item.laddr.port) for item in connections if item.status == psutil.CONN_LISTEN}


def test_each_level_listens_on_what_its_node_toml_names_and_on_nothing_else(city: Cluster) -> None:
    for node in city.nodes.values():
        assert listening(node.pid) == {(HOST, port) for port in node.ports.values()}, node.id


def test_a_grid_node_opens_its_sensor_door_only(city: Cluster) -> None:
    grids = [node for node in city.nodes.values() if node.place.level is Level.GRID]
    assert len(grids) == 2
    for node in grids:
        assert set(node.ports) == {"door"}
        assert listening(node.pid) == {(HOST, node.ports["door"])}


def test_no_node_takes_udp(city: Cluster) -> None:
    assert [node.id for node in city.nodes.values() if psutil.Process(node.pid).net_connections(kind="udp")] == []


def test_the_api_socket_is_for_its_owner_alone(city: Cluster) -> None:
    assert {(node.folder / "api.sock").stat().st_mode & 0o777 for node in city.nodes.values()} == {0o600}
