"""The service unit and the scripts beside it: what they must say, and what they must not."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from node.config.config import load_config
from node.errors import EXIT_CONFIG, EXIT_USAGE
from sync.model import Level
from tests.house.tree import ROOT

PACKAGING = ROOT / "packaging"
UNIT = PACKAGING / "yunnao@.service"
SCRIPTS = [ROOT / "yunnao", ROOT / ".ci" / "run", *sorted(PACKAGING.glob("*.sh"))]
SANDBOX = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "OOMPolicy": "continue",
    "User": "yunnao",
}


def unit() -> configparser.ConfigParser:
    """The unit file; of a key that stands twice the last value counts."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNIT, "utf-8")
    return parser


def test_the_unit_is_sandboxed() -> None:
    service = unit()["Service"]
    assert {key: service.get(key) for key in SANDBOX} == SANDBOX


def test_the_unit_leaves_generated_code_to_the_camera_workers() -> None:
    assert "MemoryDenyWriteExecute" not in unit()["Service"]


def test_the_unit_does_not_start_again_on_what_only_a_person_can_mend() -> None:
    assert unit()["Service"]["RestartPreventExitStatus"].split() == [str(EXIT_USAGE), str(EXIT_CONFIG)]


def test_the_unit_needs_no_network_to_start() -> None:
    section = unit()["Unit"]
    assert "network-online.target" not in " ".join(section.values())
    assert not {"Requires", "Wants", "BindsTo"} & set(section)


def test_the_unit_runs_the_node_in_the_state_folder_that_systemd_makes() -> None:
    service = unit()["Service"]
    assert service["ExecStart"].endswith(f"-m node.cli run --dir /var/lib/{service['StateDirectory']}")


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    copy = tmp_path / "yunnao@x.service"
    copy.write_text(UNIT.read_text("utf-8").replace("/opt/yunnao/.venv/bin/python", "/bin/sh"), "utf-8")
    ran = subprocess.run([program, "verify", "--man=no", copy], capture_output=True, text=True, check=False)
    assert [line for line in ran.stderr.splitlines() if "yunnao@" in line] == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_every_script_is_executable_and_plain_shell(script: Path) -> None:
    assert script.stat().st_mode & 0o111
    assert script.read_text("utf-8").startswith("#!/bin/sh\n")
    checked = subprocess.run(["sh", "-n", script], capture_output=True, text=True, check=False)
    assert checked.stderr == ""


def test_the_continuous_integration_runs_what_a_person_runs() -> None:
    assert (ROOT / ".ci" / "run").read_text("utf-8").splitlines()[-1] == "exec ./yunnao test </dev/null"


@pytest.mark.parametrize("level", Level, ids=lambda level: level.word)
def test_every_level_has_a_preset_that_loads(level: Level) -> None:
    config = load_config(PACKAGING / "presets" / f"{level.word}.toml")
    assert config.level is level
    assert bool(config.links.listen) == (level is not Level.GRID)


def test_the_presets_are_one_branch_of_a_tree() -> None:
    branch = [load_config(PACKAGING / "presets" / f"{level.word}.toml").territory for level in sorted(Level, reverse=True)]
    assert all(upper.contains(lower) and upper != lower for upper, lower in pairwise(branch))
    assert {entry.stem for entry in (PACKAGING / "presets").iterdir()} == {level.word for level in Level}
