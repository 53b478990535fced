"""Bad cells and rows of a sheet as lines for people. Called by device_sheet.py, camera_sheet.py and camera_directory.py of node/verbs."""

from __future__ import annotations

from collections.abc import Sequence

from node.catalogue.errors import Problem
from node.texts import text
from node.verbs.output import print_line

SHOWN_MAX = 50
"""Problems that are printed; --json has all."""


def print_problems(language: str, problems: Sequence[Problem]) -> None:
    """One a line; beyond a bound only how many."""
    for problem in problems[:SHOWN_MAX]:
        print_line(text("device.problem" if problem.column else "device.problem_row", language, **problem.encoded()))
    if len(problems) > SHOWN_MAX:
        print_line(text("device.problems_more", language, count=len(problems) - SHOWN_MAX))
