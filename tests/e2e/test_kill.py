"""kill -9 of any node at random moments while data flows: nothing acknowledged is missing anywhere, nothing is double (issue 2, item 6)."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.kill_test import kill_test

KILLS = 20
SEED = 20260501


@pytest.mark.slow
def test_twenty_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    said: list[str] = []
    is_good = kill_test(tmp_path, kills=KILLS, seed=SEED, say=said.append)
    assert is_good, "\n".join(said)
    assert said[0] == f"kill_test.py --kills {KILLS} --seed {SEED}"
    assert any(line.startswith(f"killed {KILLS}: ") for line in said)
