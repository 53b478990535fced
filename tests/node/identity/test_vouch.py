"""Manifests: signed by one node, checked by those who know its key."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from node.identity.vouch import KEYS_PER_NODE_MAX, KeyDirectory
from sync.ports import Vouch
from tests.node.identity.family import CITY, NOW_US, PROVINCE, make_node


def test_manifest_of_a_verified_peer_is_accepted_and_a_changed_one_refused(tmp_path: Path) -> None:
    province = make_node(tmp_path, PROVINCE)
    city = make_node(tmp_path, CITY, parent=province)
    receiver = province.vouch("shandong", KeyDirectory())
    manifest = city.vouch("qingdao", KeyDirectory()).sign(bytes(32), (b"input",))
    assert not receiver.check(manifest, issuer="qingdao")
    assert not receiver.knows("qingdao")
    receiver.directory.learn(city.own(now_us=NOW_US))
    assert receiver.check(manifest, issuer="qingdao")
    assert not receiver.check(replace(manifest, header_sha256=b"\1" * 32), issuer="qingdao")
    assert not receiver.check(replace(manifest, signature=b"short"), issuer="qingdao")
    assert not receiver.check(manifest, issuer="shandong")


def test_vouch_is_the_port_and_knows_itself(tmp_path: Path) -> None:
    vouch: Vouch = make_node(tmp_path, PROVINCE).vouch("shandong", KeyDirectory())
    assert vouch.check(vouch.sign(bytes(32), ()), issuer="shandong")


def test_directory_keeps_a_bounded_number_of_keys_per_node() -> None:
    directory = KeyDirectory()
    for number in range(KEYS_PER_NODE_MAX + 3):
        directory.learn_key("qingdao", bytes([number]) * 32)
    assert len(directory.keys_of("qingdao")) == KEYS_PER_NODE_MAX
