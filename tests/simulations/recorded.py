"""Recordings of simulated nodes: every life of every node of a small city, as the file that a real node would write."""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from node.tracing.sheet import Sheet, snapshot_of
from node.tracing.tap import Tap, TracedEngine
from node.tracing.values import Veil
from simulations import host
from simulations.run import SMALL_SETTINGS, run_seed
from sync.core.engine import Engine

KEY = b"drawn for this test"


@dataclass(slots=True)
class Life:
    """One recording under way."""

    engine: TracedEngine
    tap: Tap
    sheet: Sheet
    file: io.BytesIO

    @property
    def name(self) -> str:
        """The node."""
        return self.engine.node

    def data(self) -> bytes:
        """The recording, ended where it is."""
        self.sheet.enter(self.tap.take())
        handle = io.BytesIO(self.file.getvalue())
        ended = Sheet(handle, self.sheet.veil, self.sheet.inputs, self.sheet.turns)
        handle.seek(0, 2)
        ended.end(0, "time")
        return handle.getvalue()


@dataclass(slots=True)
class Recorder:
    """Makes traced engines in the place of plain ones."""

    lives: list[Life] = field(default_factory=list)

    def make(self, **facts: Any) -> Engine:
        """As Engine."""
        file = io.BytesIO()
        tap, sheet = Tap(), Sheet(file, Veil(KEY))
        tap.is_open = False
        engine = TracedEngine(tap, **facts)
        told = {"has_parent": facts["has_parent"], "limits": facts["limits"]}
        sheet.begin(snapshot_of(engine, facts["recovered"], **told, software="test", us=0))
        tap.is_open = True
        self.lives.append(Life(engine, tap, sheet, file))
        self._drain()
        return engine

    def _drain(self) -> None:
        for life in self.lives:
            life.sheet.enter(life.tap.take())


def record_city(monkeypatch: pytest.MonkeyPatch, seed: int) -> list[Life]:
    """Every life of every node of a small city with faults."""
    recorder = Recorder()
    monkeypatch.setattr(host, "Engine", recorder.make)
    assert run_seed(seed, replace(SMALL_SETTINGS, fan_out=1)).is_good
    monkeypatch.undo()
    return recorder.lives


def write(path: Path, data: bytes) -> Path:
    """A recording as a file."""
    path.write_bytes(data)
    return path
