"""The demo's folder: depth, lock, and configurations that load and name each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.clock import SystemClock
from node.config.config import load_config
from node.identity.files import IdentityFiles
from simulations.demo.city import CHAIN, DISTRICT, GRID, PROVINCE, STREET
from simulations.demo.errors import DemoError
from simulations.demo.folders import Folders, feed_password, join_all, make_identities, write_configs
from simulations.demo.ports import choose_ports


def test_a_folder_too_deep_for_a_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match="too long for the nodes' sockets: choose a shorter --dir"):
        Folders(tmp_path / ("d" * 90)).check()


def test_one_demo_at_a_time_runs_in_a_folder(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    with folders.locked(), pytest.raises(DemoError, match="already running"), Folders(tmp_path).locked():
        pass
    with folders.locked():
        assert (tmp_path / "demo.lock").exists()


@pytest.mark.slow
async def test_every_node_is_certified_by_its_parent_and_only_once(tmp_path: Path) -> None:
    folders, clock = Folders(tmp_path), SystemClock()
    make_identities(folders, clock)
    assert await join_all(folders, clock) == 4
    assert await join_all(folders, clock) == 0
    own = IdentityFiles(folders.node(GRID)).own(now_us=clock.wall_us())
    assert own.path == tuple(place.id for place in CHAIN)


def test_each_configuration_loads_and_leads_to_the_parent(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    for place in CHAIN:
        folders.node(place).mkdir()
    write_configs(folders, choose_ports(tmp_path / "ports.json"), video=None)
    configs = {place: load_config(folders.config(place)) for place in CHAIN}
    assert configs[STREET].parent.address == configs[DISTRICT].links.listen
    assert configs[GRID].links.listen == ""
    assert configs[PROVINCE].devices.listen == []
    assert [camera.kind for camera in configs[GRID].cameras] == ["rendered"]


def test_a_video_takes_the_place_of_the_rendered_street(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    for place in CHAIN:
        folders.node(place).mkdir()
    write_configs(folders, choose_ports(tmp_path / "ports.json"), video=tmp_path / "own.mp4")
    camera = load_config(folders.config(GRID)).cameras[0]
    assert (camera.kind, camera.algorithm, camera.source) == ("file", "motion-object", str(tmp_path / "own.mp4"))


def test_the_sensors_keep_their_password(tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    folders.node(GRID).mkdir()
    password = feed_password(folders)
    assert feed_password(folders) == password
    assert password not in (folders.node(GRID) / "passwords").read_text("utf-8")
