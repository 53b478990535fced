"""What capture and analysis processes have in common: reading their description, signals, and not outliving the node.

Called by edge_ai/capture/worker.py and edge_ai/analysis/worker.py.
"""

from __future__ import annotations

import argparse
import ctypes
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import cv2

from edge_ai.errors import EdgeError, SpecError
from edge_ai.reasons import reason, system_reason

STATE_PERIOD_S = 1.0
"""Seconds between the states that a process reports; they are its heartbeat too."""
CONFIG_BYTES_MAX = 4_194_304
EXIT_REFUSED = 2
"""Exit status when the description cannot be used, or there is no room."""
EXIT_FAILED = 3
"""Exit status of an analysis that hung or lost a caller: another process goes on."""
_SET_PDEATHSIG = 1
"""prctl(2): the signal this process gets when its parent is gone."""


class Served(Protocol):
    """One process's work. Implementations: CaptureWorker, AnalysisWorker."""

    def run(self) -> int:
        """Serve until told to stop or orphaned; the exit status."""

    def stop(self) -> None:
        """End after the current turn."""


def serve(name: str, build: Callable[[bytes], Served]) -> int:
    """Run one process on the description that `--config` names; its exit status."""
    parser = argparse.ArgumentParser(prog=f"edge_ai.{name}_worker", description=f"camera {name} of a yunnao node")
    parser.add_argument("--config", type=Path, required=True, help="JSON file written by the node")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with_parent()
    cv2.setNumThreads(1)
    try:
        served = build(read_description(parser.parse_args().config))
    except EdgeError as error:
        sys.stderr.write(f"edge {name}: {error.told}\n")
        return EXIT_REFUSED
    signal.signal(signal.SIGTERM, lambda _signal, _frame: served.stop())
    return served.run()


def read_description(path: Path) -> bytes:
    """The content of the file; raises SpecError."""
    try:
        with path.open("rb") as file:
            data = file.read(CONFIG_BYTES_MAX + 1)
    except OSError as error:
        raise SpecError(reason("description-unreadable", file=path, what=system_reason(error))) from error
    if len(data) > CONFIG_BYTES_MAX:
        raise SpecError(reason("description-too-large", file=path, most=CONFIG_BYTES_MAX))
    return data


def _die_with_parent() -> None:
    """A process whose loop hangs would outlive the node: the kernel ends it (EDGE_AI failure 3). Without prctl the loop must do."""
    try:
        ctypes.CDLL(None).prctl(_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    except (AttributeError, OSError):
        return
