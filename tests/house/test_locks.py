"""The lock files: they answer pyproject.toml, agree with each other, and are what this environment holds."""

from __future__ import annotations

import importlib.metadata
import tomllib

import pytest
from packaging.requirements import Requirement

from tests.house.test_licences import locked
from tests.house.tree import ROOT

LOCKS = {"runtime": "requirements.lock", "install": "requirements.lock", "dev": "requirements-dev.lock"}


def asked(group: str) -> list[Requirement]:
    """What pyproject.toml asks for: the product's own needs for `runtime`, else a dependency group without what it includes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    entries = project["project"]["dependencies"] if group == "runtime" else project["dependency-groups"][group]
    return [Requirement(entry) for entry in entries if isinstance(entry, str)]


@pytest.mark.parametrize(("group", "lock"), LOCKS.items())
def test_the_lock_answers_everything_the_project_asks_for(group: str, lock: str) -> None:
    pinned = {requirement.name: next(iter(requirement.specifier)).version for requirement in locked(lock)}
    missing = [str(wanted) for wanted in asked(group) if wanted.name not in pinned or pinned[wanted.name] not in wanted.specifier]
    assert missing == [], "run packaging/lock.sh"


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_the_environment_holds_what_the_lock_names(lock: str) -> None:
    found = [(requirement, importlib.metadata.version(requirement.name)) for requirement in locked(lock)]
    assert [f"{requirement}, found {version}" for requirement, version in found if version not in requirement.specifier] == []


def test_both_locks_agree_on_every_package_they_share() -> None:
    assert set(map(str, locked("requirements.lock"))) <= set(map(str, locked("requirements-dev.lock")))
