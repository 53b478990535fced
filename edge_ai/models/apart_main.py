"""The throw-away process of apart.py: `python -m edge_ai.models.apart_main`, an order on stdin, the answer in result.json.

Puts itself under its limits before it imports anything that reads a model. It works in a folder of its own and opens no network.
"""

from __future__ import annotations

import resource
import signal
import sys
from pathlib import Path

import msgspec

from edge_ai.errors import EdgeError
from edge_ai.models.apart import EXIT_REFUSED, RESULT, Limits
from edge_ai.models.facts import GoldenFacts, GraphFacts

FILES_OPEN_MAX = 64
ORDER_BYTES_MAX = 1_048_576
MIB = 1 << 20


class NormaliseOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Make a model plain."""

    source: str
    target: str
    size: tuple[int, int] | None = None


class GoldenOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Run a model over pictures."""

    manifest: str
    """Path of the manifest."""
    model: str
    pictures: dict[str, str]
    """Path by name."""
    runs: int = 15
    """Timed runs of each picture."""


class _Order(msgspec.Struct, frozen=True):
    task: str
    request: msgspec.Raw
    limits: Limits


def main() -> int:
    """Do the one order; 0 with a value, 3 with a refusal."""
    order = msgspec.json.decode(sys.stdin.buffer.read(ORDER_BYTES_MAX), type=_Order)
    confine(order.limits)
    try:
        value = TASKS[order.task](order.request)
    except EdgeError as error:
        return _tell({"refused": str(error)}, EXIT_REFUSED)
    except MemoryError:
        return _tell({"refused": f"model refused: it needs more than {order.limits.memory_mib} MiB"}, EXIT_REFUSED)
    return _tell({"value": value}, 0)


def confine(limits: Limits) -> None:
    """Take the limits upon this process, for good."""
    for kind, value in (
        (resource.RLIMIT_AS, limits.memory_mib * MIB),
        (resource.RLIMIT_FSIZE, limits.file_mib * MIB),
        (resource.RLIMIT_NOFILE, FILES_OPEN_MAX),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (value, value))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s + 5))
    signal.alarm(round(limits.wall_s) + 5)


def _normalise(request: msgspec.Raw) -> GraphFacts:
    from edge_ai.models.graph import normalise

    order = msgspec.json.decode(request, type=NormaliseOrder)
    return normalise(Path(order.source), Path(order.target), size=order.size)


def _golden(request: msgspec.Raw) -> GoldenFacts:
    from edge_ai.models.golden_run import golden_run

    order = msgspec.json.decode(request, type=GoldenOrder)
    pictures = {name: Path(path) for name, path in order.pictures.items()}
    return golden_run(Path(order.manifest), Path(order.model), pictures, runs=order.runs)


def _tell(answer: object, status: int) -> int:
    Path(RESULT).write_bytes(msgspec.json.encode(answer))
    return status


TASKS = {"normalise": _normalise, "golden": _golden}

if __name__ == "__main__":
    sys.exit(main())
