"""Throw-away processes: whatever happens in one is an error with a reason here, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_ai.errors import ModelError
from edge_ai.models import apart
from edge_ai.models.apart import Limits, run_apart

TIGHT = Limits(cpu_s=1, wall_s=1.0, file_mib=1, memory_mib=512)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "limits", "words"),
    [
        ("SIGSEGV", Limits(), r"crashed \(SIGSEGV\)"),
        ("SIGILL", Limits(), "illegal instruction: the runtime does not fit this processor"),
        ("SIGKILL", Limits(), "was killed, most likely for want of memory"),
        ("hang", Limits(wall_s=0.5), r"gave no answer in 0\.5 s: it hangs"),
        ("burn", Limits(cpu_s=1, wall_s=30), "took more than 1 s of processor time"),
        ("eat", TIGHT, r"failed with status 1 \(MemoryError\)"),
        ("write", TIGHT, "File too large|crashed"),
        ("babble", Limits(), "told more than 1048576 bytes"),
        ("garbage", Limits(), "told nothing that can be read"),
    ],
)
def test_end_of_a_process_is_told_in_words(way: str, limits: Limits, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "PROGRAM", "tests.edge_ai.models.dying")
    with pytest.raises(ModelError, match=f"model refused: its golden run (.*)?({words})"):
        run_apart("golden", way, limits=limits)


@pytest.mark.slow
def test_refusal_of_the_task_comes_back_as_it_was_said(tmp_path: Path) -> None:
    (tmp_path / "made.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"^made\.onnx is no ONNX model"):
        run_apart("normalise", {"source": str(tmp_path / "made.onnx"), "target": str(tmp_path / "plain.onnx")})
