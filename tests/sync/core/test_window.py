"""The window: grows once per window of acknowledged bytes, halves without progress, stays inside its limits."""

from __future__ import annotations

import pytest

from sync.core.window import INCREASE_BYTES, START_BYTES, Window
from sync.model import Limits

LIMITS = Limits()


def test_a_frame_larger_than_the_window_passes_alone() -> None:
    window = Window(LIMITS)
    window.sent(START_BYTES * 2)
    assert not window.has_room
    window.acked(START_BYTES * 2)
    assert window.has_room


def test_it_grows_by_one_step_after_a_whole_window() -> None:
    window = Window(LIMITS)
    for _ in range(8):
        window.sent(START_BYTES // 8)
        assert window.size == START_BYTES
        window.acked(START_BYTES // 8)
    assert window.size == START_BYTES + INCREASE_BYTES


def test_it_never_grows_beyond_its_limit() -> None:
    window = Window(Limits(window_bytes_max=START_BYTES + 1))
    for _ in range(3):
        window.sent(START_BYTES * 2)
        window.acked(START_BYTES * 2)
    assert window.size == START_BYTES + 1


def test_it_halves_down_to_its_floor() -> None:
    window = Window(LIMITS)
    sizes = []
    for _ in range(8):
        window.stalled()
        sizes.append(window.size)
    assert sizes[0] == START_BYTES // 2
    assert sizes[-1] == LIMITS.window_bytes_min


def test_more_acknowledged_than_sent_is_a_programmers_error() -> None:
    with pytest.raises(AssertionError, match="more bytes acknowledged"):
        Window(LIMITS).acked(1)
