"""Who gets a copy of an original is burnt into it, in a throw-away process: pixels are touched by edge_ai alone.

Owns the process: its time, its answer's bound, its end. Called before a copy is handed out, here or to another node.
"""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import edge_ai
from node.evidence.errors import EvidenceFault

STAMP_S = 20.0
"""Start of the process, one picture, and what a busy box adds."""
STAMPED_BYTES_MAX = 8 << 20
STDERR_BYTES = 300


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the copy says."""

    node: str
    by: str
    at_us: int
    about: str
    """The event, and the request where there is one."""

    @property
    def line(self) -> str:
        """As it stands in the picture."""
        moment = datetime.fromtimestamp(self.at_us // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        return f"{self.node} {self.by} {moment} {self.about}"


async def stamped(jpeg: bytes, stamp: Stamp) -> bytes:
    """A copy of `jpeg` with the stamp burnt in. Raises EvidenceFault."""
    arguments = (sys.executable, "-m", "edge_ai.evidence.watermark", f"--text={stamp.line}")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*arguments, env=_environment(), stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        async with asyncio.timeout(STAMP_S):
            made, said = await process.communicate(jpeg)
    except TimeoutError:
        raise EvidenceFault(f"no copy handed out: the watermark took over {STAMP_S:g} s; ask again when the node is less busy") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode or not 0 < len(made) <= STAMPED_BYTES_MAX:
        words = said.decode(errors="replace").strip().rpartition("\n")[2][:STDERR_BYTES]
        raise EvidenceFault(f"no copy handed out: no watermark could be burnt in ({words or f'{len(made)} bytes'})")
    return made


def _environment() -> dict[str, str]:
    """The process finds this very package and keeps to one thread."""
    parts = (str(Path(edge_ai.__file__).parents[1]), os.environ.get("PYTHONPATH", ""))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(part for part in parts if part), "OMP_NUM_THREADS": "1"}
