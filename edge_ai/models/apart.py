"""Runs what a hostile model may break in a throw-away process with limits, and says in words how it ended.

A process has bounds on memory, processor time, open files and what it writes, is killed when it is silent too long, and tells its result
through a file. Refusals of the task, crashes and hangs all come back as ModelError; the caller goes on. Called by the importer and by
tests of packages. Imports nothing heavy.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

import edge_ai
from edge_ai.errors import ModelError

PROGRAM = "edge_ai.models.apart_main"
RESULT_BYTES_MAX = 1_048_576
RESULT = "result.json"
TAIL_BYTES = 2_000
EXIT_REFUSED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a throw-away process may use."""

    memory_mib: int = 2_048
    """Of addresses; libraries take about 1 GiB of them before the model."""
    cpu_s: int = 60
    wall_s: float = 90.0
    file_mib: int = 300
    """Of one file that it writes."""


class Answer(msgspec.Struct, frozen=True):
    """What the process wrote: a refusal, or the task's own value."""

    refused: str = ""
    value: msgspec.Raw = msgspec.Raw(b"null")


def run_apart(task: str, request: object, *, limits: Limits = Limits()) -> msgspec.Raw:
    """Do `task` of apart_main.py with `request`; its JSON value. Raises ModelError with the reason."""
    with TemporaryDirectory(prefix="yunnao-apart-") as work:
        folder = Path(work)
        order = {"task": task, "request": request, "limits": msgspec.to_builtins(limits)}
        with (folder / "stderr").open("wb") as stderr:
            status = _run(msgspec.json.encode(order), folder, stderr.fileno(), limits)
        if status not in (0, EXIT_REFUSED):
            raise ModelError(f"model refused: its {task} run {_ended(status, limits)}{_last_words(folder / 'stderr')}")
        return _answer(folder / RESULT, task)


def _run(order: bytes, folder: Path, stderr: int, limits: Limits) -> int | None:
    """The exit status; None when it was killed for its silence."""
    arguments = [sys.executable, "-m", PROGRAM]
    with subprocess.Popen(  # noqa: S603 - our own program with our own arguments
        arguments, cwd=folder, env=_environment(), stdin=subprocess.PIPE, stdout=stderr, stderr=stderr, start_new_session=True
    ) as process:
        try:
            process.communicate(order, timeout=limits.wall_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return None
        except BaseException:
            process.kill()
            raise
        return process.returncode


def _answer(path: Path, task: str) -> msgspec.Raw:
    try:
        with path.open("rb") as file:
            raw = file.read(RESULT_BYTES_MAX + 1)
        if len(raw) > RESULT_BYTES_MAX:
            raise ModelError(f"model refused: its {task} run told more than {RESULT_BYTES_MAX} bytes")
        answer = msgspec.json.decode(raw, type=Answer)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ModelError(f"model refused: its {task} run told nothing that can be read ({error})") from error
    if answer.refused:
        raise ModelError(answer.refused)
    return answer.value


def _ended(status: int | None, limits: Limits) -> str:
    if status is None or status == -signal.SIGALRM:
        return f"gave no answer in {limits.wall_s:g} s: it hangs, or is too large for this machine"
    if status == -signal.SIGXCPU:
        return f"took more than {limits.cpu_s} s of processor time"
    if status == -signal.SIGKILL:
        return "was killed, most likely for want of memory"
    if status == -signal.SIGILL:
        return "met an illegal instruction: the runtime does not fit this processor"
    if status < 0:
        return f"crashed ({signal.Signals(-status).name})"
    return f"failed with status {status}"


def _last_words(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        words = file.read().decode(errors="replace").strip().rpartition("\n")[2][:200]
    return f" ({words})" if words else ""


def _environment() -> dict[str, str]:
    """The process finds this very package and nothing of the node's settings; one thread for every library."""
    root = str(Path(edge_ai.__file__).parents[1])
    inherited = os.environ.get("PYTHONPATH", "")
    return {
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": os.pathsep.join(part for part in (root, inherited) if part),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OPENCV_LOG_LEVEL": "SILENT",
    }
