"""Keeps the suite independent of the machine: no colour settings from outside, no waiting for a quiet processor."""

from __future__ import annotations

import asyncio

import pytest


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "TEXTUAL_FPS", "TEXTUAL_ANIMATIONS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _no_waiting_for_an_idle_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pilot also waits until every widget has handled its messages, which is the condition that counts."""

    async def give_way(min_sleep: float = 0.0, max_sleep: float = 0.0) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr("textual.pilot.wait_for_idle", give_way)
