"""Who gets a copy of an original is burnt into it, and clips are masked, in throw-away processes: pixels are touched by edge_ai alone.

Owns the process: its time, its answer's bound, its end. Called before a copy is handed out, here or to another node.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

import edge_ai
from edge_ai.wire.clips import CLIP_BYTES_MAX, ClipTask
from edge_ai.wire.events import Remasked
from node.evidence.errors import EvidenceFault

STAMP_S = 20.0
"""Start of the process, one picture, and what a busy box adds."""
FILM_S = 90.0
"""The same for the pictures of half a minute."""
MADE_BYTES_MAX = CLIP_BYTES_MAX + (1 << 20)
STDERR_BYTES = 300
MOSAIC = "mosaic"
"""What a picture went through of which nothing is sharp."""


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
    return await _made("edge_ai.evidence.watermark", (f"--text={stamp.line}",), jpeg, seconds=STAMP_S)


async def filmed(clip: Path, task: ClipTask) -> bytes:
    """The clip at `clip` as it may leave: masked, stamped, as Motion JPEG. Raises EvidenceFault."""
    return await _made("edge_ai.evidence.clip", (str(clip),), msgspec.json.encode(task), seconds=FILM_S)


async def remasked(original: bytes) -> Remasked:
    """What may travel for an original of a camera that wants nothing sharp. Raises EvidenceFault."""
    try:
        made = msgspec.msgpack.decode(await _made("edge_ai.evidence.remask", (), original, seconds=STAMP_S), type=Remasked)
    except msgspec.MsgspecError as error:
        raise EvidenceFault(f"a picture masked anew makes no sense: {error}") from error
    if hashlib.sha256(made.jpeg).hexdigest() != made.info.sha256 or made.info.masking != MOSAIC:
        raise EvidenceFault("a picture masked anew is not what it is called")
    return made


async def _made(module: str, arguments: tuple[str, ...], said: bytes, *, seconds: float) -> bytes:
    """What a process of `module` makes of what it is told."""
    command, maker = (sys.executable, "-m", module, *arguments), module.rpartition(".")[2]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, env=_environment(), stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        async with asyncio.timeout(seconds):
            made, words = await process.communicate(said)
    except TimeoutError:
        raise EvidenceFault(f"no copy handed out: the {maker} took over {seconds:g} s; ask again when the node is less busy") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode or not 0 < len(made) <= MADE_BYTES_MAX:
        why = words.decode(errors="replace").strip().rpartition("\n")[2][:STDERR_BYTES]
        raise EvidenceFault(f"no copy handed out: no {maker} could be made ({why or f'{len(made)} bytes'})")
    return made


def _environment() -> dict[str, str]:
    """The process finds this very package and keeps to one thread."""
    parts = (str(Path(edge_ai.__file__).parents[1]), os.environ.get("PYTHONPATH", ""))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(part for part in parts if part), "OMP_NUM_THREADS": "1"}
