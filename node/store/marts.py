"""The node's DuckDB thread: one mart per resource that was ever asked for, caught up with the journal before each question."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from node.store.journal import SqliteJournal
from node.store.mart import Mart, MartError
from node.store.records import decode_rows
from policies.regrade import RegradeIndex

Answer = TypeVar("Answer")


class Marts:
    """Runs questions on the one thread that may use DuckDB, which is imported at the first of them."""

    def __init__(self, folder: Path, journal: SqliteJournal) -> None:
        self._folder = folder
        self._journal = journal
        self._open: dict[str, Mart] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="duckdb")
        self.closed: Callable[[str], str] = lambda resource: ""
        """Why nothing is read of a resource now; empty when it is (node/recall)."""
        self.regrades: Callable[[], RegradeIndex | None] = lambda: None
        """Grades of single records that are in force."""
        self._grades: dict[str, bytes] = {}
        """Which of them each open mart was built under."""

    async def ask(self, resource: str, question: Callable[[Mart], Answer]) -> Answer:
        """Answer `question` from a mart of `resource` that holds everything committed before the call."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._ask, resource, question)

    async def wipe(self, resource: str) -> None:
        """Build the mart of `resource` anew at the next question: its rows were erased. Returns once the file is gone."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._forget, resource)

    def _forget(self, resource: str) -> None:
        mart = self._open.pop(resource, None)
        if mart is not None:
            mart.close()
        for suffix in ("", ".wal"):
            (self._folder / f"{resource}.duckdb{suffix}").unlink(missing_ok=True)

    def close(self) -> None:
        """Close every mart and end the thread."""
        for mart in self._open.values():
            self._thread.submit(mart.close)
        self._thread.shutdown(wait=True)

    def _ask(self, resource: str, question: Callable[[Mart], Answer]) -> Answer:
        if why := self.closed(resource):
            raise MartError(why)
        regrades = self.regrades()
        grades = regrades.digest(resource) if regrades is not None else b""
        mart = self._open.get(resource)
        if mart is not None and self._grades[resource] != grades:
            self._forget(resource)
            mart = None
        if mart is None:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            mart = self._open[resource] = Mart(self._folder / f"{resource}.duckdb", [resource], regrades)
            self._grades[resource] = grades
        mart.catch_up(self._journal, self._journal.last_lsn, lambda payload, decoded_bytes: decode_rows(payload))
        return question(mart)
