"""A node for tests: answers the local API from the JSON files beside it, over a real call or a real socket.

Run `python -m tests.tui.fake_node DIR` to serve the files at DIR/api.sock and look at the console by hand.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from sync.model import Instant
from sync.transport.local_api import LocalApiCode, LocalApiError, LocalServer, serve_local
from tui.client import ArgumentValue
from tui.errors import ApiProblem

ANSWERS = Path(__file__).parent / "answers"
START_WALL_US = 1_790_000_000_000_000


class FakeNode:
    """A ConsoleApi that answers from files; `problem` makes every call fail, `answers` overrides a verb, a closed gate makes one wait."""

    def __init__(self) -> None:
        self.answers: dict[str, Mapping[str, object]] = {}
        self.problem: ApiProblem | None = None
        self.calls: list[tuple[str, dict[str, ArgumentValue]]] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.refusals: dict[str, ApiProblem] = {}

    async def call(self, verb: str, *, timeout_s: float | None = None, **arguments: ArgumentValue) -> Mapping[str, object]:
        """The file's answer to `verb`."""
        self.calls.append((verb, arguments))
        if verb in self.gates:
            await self.gates[verb].wait()
        if verb in self.refusals:
            raise self.refusals[verb]
        if self.problem is not None:
            raise self.problem
        return self.answers.get(verb) or file_answer(verb, arguments)


def file_answer(verb: str, arguments: Mapping[str, object]) -> dict[str, object]:
    """The answer in `answers/<verb>.json`; an explanation and a case depend on the arguments."""
    path = ANSWERS / f"{verb}.json"
    if not path.is_file():
        raise ApiProblem("UNIMPLEMENTED", f"verb {verb!r} is not known: see docs/api.md")
    answer: dict[str, object] = json.loads(path.read_text("utf-8"))
    states = arguments.get("states")
    if verb == "entry_list" and isinstance(states, tuple | list):
        answer["entries"] = [case for case in _cases() if case["state"] in states]
    if verb == "entry_show":
        answer |= next((case for case in _cases() if case["id"] == arguments.get("id")), {})
    if verb == "audit_log":
        answer["entries"] = _log_entries(answer["entries"], arguments)
    if verb == "rule_verdicts":
        answer["rules"] = _matching(answer["rules"], arguments)
    if verb == "explain" and arguments.get("distance") == 2:
        answer |= {"outcome": "aggregate", "columns": []}
    if verb == "explain" and arguments.get("direction") == "return":
        step = {"rule": "default", "outcome": "allow", "reason": "share-by-default"}
        answer |= {"outcome": "allow", "columns": [], "steps": [step]}
    return answer


def _log_entries(entries: object, arguments: Mapping[str, object]) -> list[dict[str, object]]:
    """The part of the log that was asked for, as the node gives it."""
    assert isinstance(entries, list)
    kinds, before, limit = arguments.get("kinds"), arguments.get("before_seq"), arguments.get("limit")
    kept = [entry for entry in entries if not isinstance(kinds, tuple | list) or entry["kind"] in kinds]
    kept = [entry for entry in kept if not isinstance(before, int) or entry["seq"] < before]
    return kept[:limit] if isinstance(limit, int) else kept


def _matching(rows: object, wanted: Mapping[str, object]) -> list[dict[str, object]]:
    """Rows with everything that was asked for."""
    assert isinstance(rows, list)
    return [row for row in rows if all(value in ("", row.get(name)) for name, value in wanted.items())]


def _cases() -> list[dict[str, object]]:
    return list(json.loads((ANSWERS / "entry_list.json").read_text("utf-8"))["entries"])


class FixedClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.passed_us = 0

    def now(self) -> Instant:
        """The monotonic clock."""
        return Instant(1_000_000 + self.passed_us)

    def wall_us(self) -> int:
        """The wall clock."""
        return START_WALL_US + self.passed_us

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.passed_us += round(seconds * 1_000_000)


async def serve(directory: Path) -> LocalServer:
    """Answer on `directory`/api.sock as a node would."""

    async def handle(verb: str, body: bytes) -> bytes:
        try:
            return json.dumps(file_answer(verb, json.loads(body))).encode()
        except ApiProblem as problem:
            raise LocalApiError(LocalApiCode.UNKNOWN_VERB, problem.message) from problem

    return await serve_local(directory / "api.sock", handle)


async def _serve_until_stopped(directory: Path) -> None:
    server = await serve(directory)
    try:
        await asyncio.Event().wait()
    finally:
        await server.stop()


if __name__ == "__main__":
    asyncio.run(_serve_until_stopped(Path(sys.argv[1])))
