"""Ports of a demo: kept while they are free, drawn anew when one is taken."""

from __future__ import annotations

import socket
from pathlib import Path

from simulations.demo.ports import LOOPBACK, USES, choose_ports


def test_ports_are_kept_from_one_start_to_the_next(tmp_path: Path) -> None:
    first = choose_ports(tmp_path / "ports.json")
    assert choose_ports(tmp_path / "ports.json") == first
    assert len(set(first.by_use.values())) == len(USES) == 9


def test_a_taken_port_brings_new_ones(tmp_path: Path) -> None:
    first = choose_ports(tmp_path / "ports.json")
    with socket.socket() as other:
        other.bind((LOOPBACK, first.door_port))
        other.listen()
        second = choose_ports(tmp_path / "ports.json")
    assert second.door_port != first.door_port


def test_a_note_that_is_damaged_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text('{"door": 1}')
    assert set(choose_ports(tmp_path / "ports.json").by_use) == set(USES)
