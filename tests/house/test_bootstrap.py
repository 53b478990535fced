"""The `yunnao` script in copies of the checkout: every way out it names, and that a second start does no work.

No test downloads: a ready environment is a stub python that reports how it was called, and set-ups that fail do so before the network.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from node.clock import SystemClock
from tests.house.tree import ROOT

NEEDED = ("yunnao", "requirements.lock", "requirements-dev.lock", "requirements.sizes", "pyproject.toml")
TOOLS = ("sh", "dirname", "readlink", "cat", "cksum", "awk", "uname", "rm", "mkdir", "ls", "chmod")
STUB_PYTHON = '#!/bin/sh\nprintf "%s|" "$PWD" "$@"\n'
FAKE_PYTHON = '#!/bin/sh\ncase "$*" in *ensurepip*) exit 1 ;; esac\nexec "{real}" "$@"\n'
FAKE_UV = """#!/bin/sh
[ "$1" != venv ] && { echo "$*" >&2; exit 1; }
for at; do :; done
mkdir -p "$at/bin"
cat "$(command -v python3)" >"$at/bin/python"
chmod +x "$at/bin/python"
: >"$at/pyvenv.cfg"
"""
OVERHEAD_S_MAX = 0.2


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the script needs, in a folder with a space in its name."""
    folder = tmp_path / "check out"
    folder.mkdir()
    for name in NEEDED:
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def bare_path(tmp_path: Path) -> Path:
    """A PATH with the tools the script uses and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    return folder


def start(script: Path, *arguments: str, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script with these environment variables over this process's own."""
    environment: Mapping[str, str] = {key: value for key, value in os.environ.items() if key != "YUNNAO_VENV"} | variables
    return subprocess.run([script, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False)


def make_ready(checkout: Path) -> Path:
    """Give the checkout an environment that counts as set up; its python prints its folder and arguments."""
    venv = checkout / ".venv"
    write_program(venv / "bin" / "python", STUB_PYTHON)
    (venv / "pyvenv.cfg").write_text("version = 3.11\n", "utf-8")
    for lock in ("requirements.lock", "requirements-dev.lock"):
        parts = b"".join((checkout / name).read_bytes() for name in (lock, "pyproject.toml", ".venv/pyvenv.cfg"))
        summed = subprocess.run(["cksum"], input=parts, capture_output=True, check=True).stdout.decode().strip()
        (venv / f"{lock}.stamp").write_text(f"{checkout.resolve()} {summed}\n", "utf-8")
    return venv


def write_program(path: Path, text: str) -> None:
    """An executable file with this text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(0o755)


def test_a_ready_checkout_passes_the_verb_and_its_arguments_on(checkout: Path, tmp_path: Path) -> None:
    make_ready(checkout)
    ran = start(checkout / "yunnao", "demo", "--dir", "a b", "", cwd=tmp_path)
    assert ran.stdout == f"{tmp_path}|-P|-m|node.cli|demo|--dir|a b||"
    assert ran.stderr == ""


def test_the_tests_run_in_the_checkout(checkout: Path, tmp_path: Path) -> None:
    make_ready(checkout)
    assert start(checkout / "yunnao", "test", "sync", cwd=tmp_path).stdout == f"{checkout}|-m|tests.run_suites|sync|"


def test_a_chain_of_links_leads_to_the_checkout(checkout: Path, tmp_path: Path) -> None:
    make_ready(checkout)
    (tmp_path / "one").symlink_to("check out/yunnao")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    assert start(tmp_path / "two", "status").stdout.endswith("|-P|-m|node.cli|status|")


@pytest.mark.parametrize("arguments", ["--wheels . demo --headless", "demo --wheels=. --headless", "demo --headless --wheels ."])
def test_a_wheel_folder_may_stand_anywhere_in_the_arguments(checkout: Path, tmp_path: Path, arguments: str) -> None:
    make_ready(checkout)
    assert start(checkout / "yunnao", *arguments.split(), cwd=tmp_path).stdout.endswith("|node.cli|demo|--headless|")


@pytest.mark.slow
def test_a_second_start_adds_less_than_a_fifth_of_a_second(checkout: Path) -> None:
    make_ready(checkout)
    clock = SystemClock()
    taken_s = []
    for _ in range(5):
        begin = clock.now()
        start(checkout / "yunnao", "status")
        taken_s.append(clock.now().seconds_since(begin))
    assert min(taken_s) < OVERHEAD_S_MAX


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml", ".venv/pyvenv.cfg"])
def test_a_changed_lock_project_or_python_sets_up_again(checkout: Path, bare_path: Path, changed: str) -> None:
    make_ready(checkout)
    with (checkout / changed).open("a", encoding="utf-8") as file:
        file.write("\n")
    ran = start(checkout / "yunnao", "status", PATH=str(bare_path))
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "no Python 3.11, 3.12 or 3.13 found" in ran.stderr


def test_a_checkout_that_was_moved_sets_up_again(checkout: Path, bare_path: Path) -> None:
    make_ready(checkout)
    moved = checkout.rename(checkout.parent / "moved")
    assert start(moved / "yunnao", "status", PATH=str(bare_path)).returncode == 1


def test_an_unfinished_set_up_does_not_count(checkout: Path, bare_path: Path) -> None:
    (make_ready(checkout) / "unfinished").touch()
    assert start(checkout / "yunnao", "status", PATH=str(bare_path)).returncode == 1


def test_without_a_python_it_says_which_to_install(checkout: Path, bare_path: Path) -> None:
    ran = start(checkout / "yunnao", "demo", PATH=str(bare_path))
    assert ran.stderr == (
        "yunnao: no Python 3.11, 3.12 or 3.13 found on the PATH: install one of them (Debian, Ubuntu: apt install python3 python3-venv)\n"
    )


def test_an_old_python_is_not_taken(checkout: Path, bare_path: Path) -> None:
    write_program(bare_path / "python3", "#!/bin/sh\nexit 1\n")
    ran = start(checkout / "yunnao", "demo", PATH=str(bare_path))
    assert "no Python 3.11, 3.12 or 3.13 found" in ran.stderr


def test_without_venv_it_names_the_missing_package(checkout: Path, bare_path: Path) -> None:
    write_program(bare_path / "python3", FAKE_PYTHON.format(real=sys.executable))
    ran = start(checkout / "yunnao", "demo", PATH=str(bare_path))
    assert ran.returncode == 1
    assert "install the package python3-venv (apt install python3-venv), or uv" in ran.stderr
    assert not (checkout / ".venv").exists()


def test_a_folder_that_is_no_environment_is_left_alone(checkout: Path, bare_path: Path) -> None:
    write_program(bare_path / "python3", FAKE_PYTHON.format(real=sys.executable))
    (checkout / "precious").mkdir()
    (checkout / "precious" / "work.txt").write_text("mine", "utf-8")
    ran = start(checkout / "yunnao", "demo", PATH=str(bare_path), YUNNAO_VENV=str(checkout / "precious"))
    assert "is in the way and is no virtual environment: move it, or name another folder in YUNNAO_VENV" in ran.stderr
    assert (checkout / "precious" / "work.txt").read_text("utf-8") == "mine"


@pytest.mark.parametrize("arguments", [["demo", "--wheels"], ["--wheels", "no/such/folder", "demo"]])
def test_a_missing_wheel_folder_is_named(checkout: Path, arguments: list[str]) -> None:
    ran = start(checkout / "yunnao", *arguments)
    assert ran.returncode == 1
    assert "packaging/wheels.sh" in ran.stderr


def test_an_empty_wheel_folder_fails_offline_and_says_how_to_fill_it(checkout: Path, bare_path: Path, tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    write_program(bare_path / "python3", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    write_program(bare_path / "uv", FAKE_UV)
    ran = start(checkout / "yunnao", "demo", "--wheels", str(tmp_path / "wheels"), PATH=str(bare_path))
    assert ran.returncode == 1
    assert f"MB of wheels from {tmp_path / 'wheels'} into {checkout / '.venv'}, downloading nothing" in ran.stderr
    assert "--no-index --find-links" in ran.stderr
    assert "do not satisfy requirements.lock: make the folder again with packaging/wheels.sh DIR requirements.lock" in ran.stderr
