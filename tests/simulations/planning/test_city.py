"""Cities of one's own: links with a rate carry what they can, and the state of any moment can be asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from node.cli import main
from node.errors import EXIT_NEGATIVE, EXIT_OK, EXIT_USAGE
from node.texts import catalogue
from simulations.planning.city import City, Load, open_city
from simulations.planning.profiles import LinkProfile
from simulations.planning.topology_file import Topology
from simulations.topology import binary_tree

pytestmark = pytest.mark.slow

CHAIN = binary_tree(fan_out=1)


def chain(folder: Path, profile: LinkProfile, *loads: Load) -> City:
    """Five nodes in a row, every link the same."""
    return open_city(Topology(CHAIN, {plan.id: profile for plan in CHAIN if plan.parent}), loads, folder, seed=1)


def test_a_link_with_room_passes_all_and_an_overloaded_one_shows_what_waits(tmp_path: Path) -> None:
    load = Load("air-quality", 600.0)
    wide, narrow = chain(tmp_path / "w", LinkProfile(10_000, 20), load), chain(tmp_path / "n", LinkProfile(20, 20), load)
    good, bad = ([*city.looks(seconds=90, every_s=30)][-1] for city in (wide, narrow))
    assert sum(node.pending for node in good.nodes) < 600 * 4 * 3
    assert good.nodes[0].records > 600 * 40
    assert max(node.oldest_s for node in bad.nodes) > 10
    assert min(node.spare for node in bad.nodes) < 0.2
    for city in (wide, narrow):
        city.world.close()


def test_two_runs_of_a_city_are_the_same(tmp_path: Path) -> None:
    looks = []
    for name in ("a", "b"):
        city = chain(tmp_path / name, LinkProfile(200, 20, 10, 0.01), Load("camera-events", 3.0))
        looks.append([*city.looks(seconds=10, every_s=5)])
        city.world.close()
    assert looks[0] == looks[1]


TOML = "".join(
    f'[[node]]\nid = "{plan.id}"\nlevel = "{plan.level.word}"\nterritory = "{plan.territory}"\n'
    + (f'parent = "{plan.parent}"\nlink = "2g"\n' if plan.parent else "")
    for plan in CHAIN
)


def test_the_verb_shows_the_state_at_a_moment_and_writes_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "city.toml").write_text(TOML)
    asked = ["simulate", "--topology", str(tmp_path / "city.toml"), "--minutes", "0.5", "--report", str(tmp_path / "r.html"), "--json"]
    assert main(["--lang", "en", *asked, "--at", "20"]) == EXIT_OK
    shown = json.loads(capsys.readouterr().out)
    assert (shown["at_s"], [node["node"] for node in shown["nodes"]]) == (20.0, [plan.id for plan in CHAIN])
    page = (tmp_path / "r.html").read_text("utf-8")
    assert page.count("<svg") == 4
    assert "http" not in page


def test_links_that_do_not_keep_up_are_a_negative_finding(tmp_path: Path) -> None:
    (tmp_path / "city.toml").write_text(TOML)
    asked = ["simulate", "--topology", str(tmp_path / "city.toml"), "--minutes", "0.5", "--load", "air-quality=500", "--late", "5"]
    assert main(["--lang", "en", *asked]) == EXIT_NEGATIVE


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (["--topology", "none.toml"], "cannot be read"),
        (["--divisions", "x.csv"], "--root CODE"),
        (["--topology", "x", "--divisions", "y", "--root", "37"], "--root CODE"),
        (["--topology", "x", "--load", "gold=1"], "--load 'gold=1' refused"),
        (["--topology", "x", "--minutes", "-1"], "--minutes -1"),
        (["--topology", "x", "--at", "900"], "--at 900 refused"),
    ],
)
def test_wrong_arguments_are_named(wrong: list[str], why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x").write_text(TOML)
    assert main(["simulate", *[str(tmp_path / "x") if word == "x" else word for word in wrong]]) == EXIT_USAGE
    assert why in capsys.readouterr().err


def test_the_texts_exist_in_both_languages() -> None:
    keys = [{key for key in catalogue(language) if key.startswith("plan.")} for language in ("zh", "en")]
    assert keys[0] == keys[1] != set()
