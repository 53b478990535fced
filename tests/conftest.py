"""What every suite shares: property tests draw the same examples in every run and are not timed one by one; which tests stay together."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

settings.register_profile("house", derandomize=True, deadline=None, database=None, print_blob=True)
settings.load_profile("house")

ROOT = Path(__file__).parent.parent
WHOLE = ("tests/e2e/city",)
"""Folders whose files share nodes: they run in one worker as one file does."""
LONGEST = (
    "tests/network/test_thin.py",
    "tests/e2e/city",
    "tests/e2e/test_demo.py",
    "tests/e2e/test_clones.py",
    "tests/e2e/test_kill.py",
    "tests/network/test_cuts.py",
)
"""What takes longest where groups stay whole, longest first: begun last, it would leave the other workers idle."""


class GroupScheduling(LoadScopeScheduling):
    """Gives a worker of pytest-xdist a whole file at a time, or a whole folder of WHOLE."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid.partition("::")[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> GroupScheduling | None:
    """Take the place of the scheduler of `--dist loadfile`."""
    return GroupScheduling(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest groups."""
    items.sort(key=lambda item: rank(group_of(item.path.relative_to(ROOT).as_posix())))


def group_of(path: str) -> str:
    """The file, or the folder that stays whole."""
    return next((folder for folder in WHOLE if path.startswith(f"{folder}/")), path)


def rank(group: str) -> int:
    """The place of a group: those of LONGEST in their order, then all others."""
    return LONGEST.index(group) if group in LONGEST else len(LONGEST)
