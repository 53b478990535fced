"""What capture and analysis processes have in common: they do not outlive the node."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_ai.serving import serve

_SET, _GET = 1, 2
"""prctl(2): PR_SET_PDEATHSIG, PR_GET_PDEATHSIG."""


class Ended:
    """Work that is over at once."""

    def run(self) -> int:
        return 0

    def stop(self) -> None:
        """Nothing is under way."""


def at_parents_death() -> int:
    """The signal that this process gets when its parent is gone; 0: none."""
    found = ctypes.c_int(-1)
    ctypes.CDLL(None).prctl(_GET, ctypes.byref(found), 0, 0, 0)
    return found.value


@pytest.fixture
def unchanged() -> Iterator[None]:
    """Leave this process as it was."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before = at_parents_death()
    yield
    ctypes.CDLL(None).prctl(_SET, before, 0, 0, 0)
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("unchanged")
def test_the_kernel_ends_a_process_whose_parent_is_gone_even_when_its_loop_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "w.json").write_bytes(b"{}")
    monkeypatch.setattr(sys, "argv", ["worker", "--config", str(tmp_path / "w.json")])
    signals: list[int] = []

    def build(_description: bytes) -> Ended:
        signals.append(at_parents_death())
        return Ended()

    assert serve("capture", build) == 0
    assert signals == [signal.SIGKILL]
