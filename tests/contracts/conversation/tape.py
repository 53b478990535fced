"""How a recorded conversation lies in a file: one line for each message or act, in the order in which they happened.

    <node> says urgent|bulk <message type> <zlib of the message, base64>
    <node> does <act>                      what a node did by itself (script.py)
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sync.wire import yunnao_pb2 as pb

RECORDED = Path(__file__).parent / "v1"
"""The conversations as the first release speaks; never written again."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message of one node to the other."""

    node: str
    urgent: bool
    data: bytes

    @property
    def kind(self) -> str:
        """The body of the message, as the .proto names it."""
        return pb.Envelope.FromString(self.data).WhichOneof("body") or "unknown"


@dataclass(frozen=True, slots=True)
class Done:
    """Something that one node did by itself."""

    node: str
    act: str


Step = Said | Done


def write_tape(path: Path, steps: Iterable[Step]) -> None:
    """Write a conversation."""
    path.write_text("".join(f"{_line(step)}\n" for step in steps), "ascii")


def read_tape(name: str, folder: Path = RECORDED) -> list[Step]:
    """A conversation by name."""
    return [_step(line.split(" ")) for line in (folder / f"{name}.tape").read_text("ascii").splitlines()]


def messages(steps: Iterable[Step]) -> list[Said]:
    """What was said, in order."""
    return [step for step in steps if isinstance(step, Said)]


def _line(step: Step) -> str:
    if isinstance(step, Done):
        return f"{step.node} does {step.act}"
    packed = base64.b64encode(zlib.compress(step.data, 9)).decode()
    return f"{step.node} says {'urgent' if step.urgent else 'bulk'} {step.kind} {packed}"


def _step(words: list[str]) -> Step:
    node, verb, *rest = words
    if verb == "does":
        return Done(node, rest[0])
    return Said(node, rest[0] == "urgent", zlib.decompress(base64.b64decode(rest[2])))
