"""How the demo tells a person where it stands: five lines, redrawn in place on a terminal, else written again only when one changes."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import TextIO

from rich.cells import cell_len, set_cell_size

from node.verbs.output import plain
from simulations.demo.checks import Check

COLUMNS_MIN = 40


class Board:
    """The five lines on one stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._shown: list[str] = []

    def show(self, checks: Sequence[Check]) -> None:
        """Bring the lines up to date."""
        lines = lines_of(checks)
        if self._is_terminal:
            self._redraw(lines)
        else:
            old = [line[:4] for line in self._shown] or [""] * len(lines)
            for line, state in zip(lines, old, strict=True):
                if line[:4] != state:
                    self._stream.write(line + "\n")
            self._stream.flush()
        self._shown = lines

    def clear(self) -> None:
        """Take the lines off a terminal again; elsewhere they stay."""
        if self._is_terminal and self._shown:
            self._stream.write(f"\x1b[{len(self._shown)}A\r\x1b[J")
            self._stream.flush()
        self._shown = []

    def _redraw(self, lines: Sequence[str]) -> None:
        columns = max(COLUMNS_MIN, shutil.get_terminal_size().columns) - 1
        up = f"\x1b[{len(self._shown)}A" if self._shown else ""
        cut = [set_cell_size(line, columns) if cell_len(line) > columns else line for line in lines]
        self._stream.write(up + "".join(f"\r\x1b[2K{line}\n" for line in cut))
        self._stream.flush()


def lines_of(checks: Sequence[Check]) -> list[str]:
    """One line per check: PASS or WAIT, its title, and what was seen."""
    return [plain(f"{'PASS' if check.finding.passed else 'WAIT'} {check.title}: {check.finding.words}".rstrip(": ")) for check in checks]
