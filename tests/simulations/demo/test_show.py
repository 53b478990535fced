"""The demo's five lines."""

from __future__ import annotations

import io

from node.client import ApiError
from simulations.demo.checks import Check, Finding
from simulations.demo.show import Board, lines_of


async def passing() -> Finding:
    """A check that passes."""
    return Finding(True, "seen\x1b[2J")


async def refusing() -> Finding:
    """A node that does not answer."""
    raise ApiError("timeout", "no answer yet")


async def test_a_line_says_pass_or_wait_and_control_characters_do_not_reach_the_terminal() -> None:
    checks = [Check("tree", passing), Check("camera", refusing)]
    for check in checks:
        await check.update()
    assert lines_of(checks) == ["PASS tree: seen?[2J", "WAIT camera: no answer yet"]


async def test_a_line_is_written_again_only_when_its_state_changes() -> None:
    stream = io.StringIO()
    board, check = Board(stream), Check("tree", passing)
    board.show([check])
    board.show([check])
    await check.update()
    board.show([check])
    assert stream.getvalue().splitlines() == ["WAIT tree", "PASS tree: seen?[2J"]
