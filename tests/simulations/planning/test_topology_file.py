"""Cities from a topology file and from real division tables; what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulations.planning.profiles import PROFILES, LinkProfile
from simulations.planning.topology_file import read_divisions, read_topology
from sync.model import Level, ModelError

DIVISIONS = Path(__file__).resolve().parents[4] / "shared" / "data" / "divisions"
needs_divisions = pytest.mark.skipif(not DIVISIONS.exists(), reason="the shared division tables are not on this machine")
PAIR = """
[[node]]
id = "north"
level = "street"
territory = "370202001"
parent = "city"
link = "mast"

[[node]]
id = "city"
level = "provincial"
territory = "37"


[profile.mast]
rate_kbit_s = 256
delay_ms = 80
loss = 0.01
"""


def write(folder: Path, text: str) -> Path:
    (folder / "city.toml").write_text(text)
    return folder / "city.toml"


def test_a_topology_file_gives_nodes_and_measured_links(tmp_path: Path) -> None:
    topology = read_topology(write(tmp_path, PAIR))
    assert [(plan.id, plan.parent) for plan in topology.plans] == [("city", ""), ("north", "city")]
    assert topology.links == {"north": LinkProfile(256, 80, 0, 0.01)}


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('parent = "city"', 'parent = "town"', "parent town of north is not there"),
        ('territory = "370202001"', 'territory = "380202001"', "is not inside 37 of city"),
        ('level = "street"', 'level = "village"', "level 'village' is not one of"),
        ('link = "mast"', 'link = "pigeon"', "link 'pigeon' of north is not one of"),
        ('link = "mast"', 'lnk = "mast"', "unknown field `lnk`"),
        ("loss = 0.01", "loss = 1.0", "loss 1 refused"),
        ('parent = "city"', "", "2 roots refused"),
        ('level = "provincial"', 'level = "municipal"', "put one on top"),
        ('id = "north"', 'id = "city"', "city stands twice"),
        ('id = "north"', "id = north", "refused"),
    ],
)
def test_a_file_that_does_not_hold_is_refused_by_name(tmp_path: Path, old: str, new: str, why: str) -> None:
    with pytest.raises(ModelError, match=why):
        read_topology(write(tmp_path, PAIR.replace(old, new)))


@needs_divisions
def test_the_real_table_gives_a_district_with_its_streets_and_all_above() -> None:
    topology = read_divisions(DIVISIONS / "shandong.csv.gz", root="370202", link="4g")
    levels = [plan.level for plan in topology.plans]
    assert levels[:3] == [Level.PROVINCIAL, Level.MUNICIPAL, Level.DISTRICT]
    assert len(levels) > 8
    assert set(levels[3:]) == {Level.STREET}
    assert set(topology.links.values()) == {PROFILES["4g"]}


@needs_divisions
def test_a_whole_city_down_to_its_villages_is_one_tree() -> None:
    topology = read_divisions(DIVISIONS / "shandong.csv.gz", root="3702", lowest=Level.GRID)
    assert len(topology.plans) == 1 + 1 + 11 + 142 + 2_126


@needs_divisions
def test_a_division_that_is_not_in_the_table_is_named() -> None:
    with pytest.raises(ModelError, match="has no division 9999"):
        read_divisions(DIVISIONS / "shandong.csv.gz", root="9999")


def test_a_table_with_a_bad_line_names_it(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("code,name,level,parent\n370000000000,S,province,\n37,S,hamlet,370000000000\n")
    with pytest.raises(ModelError, match="line 3 refused: 'hamlet'"):
        read_divisions(tmp_path / "table.csv", root="37")
