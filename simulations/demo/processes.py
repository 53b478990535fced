"""The processes that the demo starts: nodes in the background, the console in the foreground; nothing outlives the demo.

Owns their handles. A node runs in a session of its own, so that Ctrl-C on the terminal reaches the demo alone, which then stops the nodes
in order; should the demo be killed outright, the kernel tells the nodes to end. Called by simulations/demo/run.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import node
from simulations.demo.errors import DemoError

LOG_NAME = "node.log"
LOG_BYTES_MAX = 8 << 20
"""A log longer than this is begun anew at the next start."""
LOG_TAIL_BYTES = 2_000
TERM_WAIT_S = 10.0
"""Time a process has to end by itself before it is killed."""
PR_SET_PDEATHSIG = 1
"""prctl(2): the signal a process gets when its parent ends."""


class NodeProcess:
    """One running node."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Its process id; only once started."""
        assert self._process is not None, "started"
        return self._process.pid

    async def start(self) -> None:
        """Start `yunnao run` on the folder, its output appended to node.log."""
        log = self.folder / LOG_NAME
        if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
            log.unlink()
        with log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *command(self.folder, "run"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment(),
                start_new_session=True,
                preexec_fn=_ending_with_parent(),
            )

    async def wait_ended(self) -> str:
        """Wait until the process ended; the last words of its log."""
        assert self._process is not None, "started"
        await self._process.wait()
        return last_words(self.folder / LOG_NAME)

    async def stop(self) -> None:
        """Ask it to end, then insist."""
        if self._process is not None:
            await stop_process(self._process)


async def stop_all(processes: Sequence[NodeProcess]) -> None:
    """Stop all at once."""
    await asyncio.gather(*(process.stop() for process in processes))


async def stop_process(process: asyncio.subprocess.Process) -> None:
    """SIGTERM, and SIGKILL after TERM_WAIT_S; returns when the process is gone."""
    for insist in (process.terminate, process.kill):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            insist()
        try:
            async with asyncio.timeout(TERM_WAIT_S):
                await process.wait()
        except TimeoutError:
            continue
    if process.returncode is None:
        raise DemoError(f"process {process.pid} did not end: end it by hand")


async def start_console(folder: Path, language: str) -> asyncio.subprocess.Process:
    """The console of the node in `folder` on this terminal."""
    words = command(folder, "console", "--lang", language)
    return await asyncio.create_subprocess_exec(*words, env=environment(), preexec_fn=_ending_with_parent())


def command(folder: Path, *words: str) -> tuple[str, ...]:
    """The command line of one verb on one folder, by this very interpreter."""
    return (sys.executable, "-m", "node.cli", "--dir", str(folder), *words)


def environment() -> dict[str, str]:
    """This environment, in which children find this very package."""
    root = str(Path(node.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)}


def last_words(log: Path) -> str:
    """The last line of a log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError as error:
        return f"no log ({error.strerror})"
    return lines[-1] if lines else "nothing in its log"


def _ending_with_parent() -> Callable[[], None] | None:
    """What a child runs before its program, on Linux."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None, use_errno=True)

    def ask_kernel() -> None:
        library.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    return ask_kernel
