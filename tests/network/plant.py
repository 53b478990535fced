"""Network namespaces joined by pipes, for tests and benchmarks: made here, removed here, and skipped with a clear word where not permitted.

    with Plant() as plant:
        plant.join("a", "b", Wire(kbit_s=50, delay_ms=300, loss=0.05, seed=7))
        plant.command("a", [...])       # what to run inside

Every namespace gets a loopback of its own; the two ends of pipe number n have the addresses 10.77.n.1 and 10.77.n.2. Called by
tests/network and by benchmarks that need a real link.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.network.shaper import Wire
from tests.network.tun_pipe import open_tun

ROOT = Path(__file__).resolve().parent.parent.parent
COMMAND_TIMEOUT_S = 10.0
FIRST = ("nice", "-n", "-10")
"""Put before what a link is made of and what speaks over it: its figures are the link's and not those of other tests beside it. Where that
is not permitted, `nice` says so and runs the command all the same."""
_NUMBERS = count()
"""Plants of this process: their namespaces must not meet."""


class PlantError(Exception):
    """A namespace or device that could not be made, with the words of `ip`."""


@dataclass(slots=True)
class PipeProcess:
    """A running pipe; `a` and `b` are the addresses of its ends."""

    a: str
    b: str
    process: subprocess.Popen[str]

    def tell(self, command: str) -> list[dict[str, int]]:
        """One command; what passed and was lost so far, leaving A and leaving B."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return list(json.loads(self.process.stdout.readline()))

    def end(self) -> None:
        """Stop moving packets."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(COMMAND_TIMEOUT_S)
        assert self.process.stdout is not None
        self.process.stdout.close()


class Plant:
    """Namespaces by a short name of the caller's, and the pipes between them."""

    def __init__(self) -> None:
        self._number = next(_NUMBERS)
        self._spaces: dict[str, str] = {}
        self._pipes: list[PipeProcess] = []

    def __enter__(self) -> Plant:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def join(self, a: str, b: str, wire: Wire) -> PipeProcess:
        """Connect two namespaces, which are made when they are new. Raises PlantError."""
        number = len(self._pipes) + 1
        addresses = (f"10.77.{number}.1", f"10.77.{number}.2")
        device = f"pipe{number}"
        for name, own, other in ((a, *addresses), (b, *reversed(addresses))):
            space = self._space(name)
            ip("netns", "exec", space, "ip", "tuntap", "add", "dev", device, "mode", "tun")
            ip("-n", space, "addr", "add", own, "peer", other, "dev", device)
            ip("-n", space, "link", "set", device, "up")
        facts = [str(fact) for fact in (wire.kbit_s, wire.delay_ms, wire.loss, wire.seed)]
        command = [*FIRST, sys.executable, "-m", "tests.network.tun_pipe", self._spaces[a], device, self._spaces[b], device, *facts]
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise PlantError(f"the pipe between {a} and {b} did not start: its errors are above")
        pipe = PipeProcess(*addresses, process)
        self._pipes.append(pipe)
        return pipe

    def inside(self, name: str) -> tuple[str, ...]:
        """What to put before a command so that it runs inside."""
        return (*FIRST, "ip", "netns", "exec", self._spaces[name])

    def run(self, name: str, command: Sequence[str]) -> subprocess.Popen[str]:
        """Start a command inside, its stdout a pipe."""
        return subprocess.Popen([*self.inside(name), *command], cwd=ROOT, stdout=subprocess.PIPE, text=True)

    def close(self) -> None:
        """Stop the pipes and remove the namespaces."""
        for pipe in self._pipes:
            pipe.end()
        for space in self._spaces.values():
            ip("netns", "del", space)
        self._pipes, self._spaces = [], {}

    def _space(self, name: str) -> str:
        if name not in self._spaces:
            space = f"yn{os.getpid()}-{self._number}-{len(self._spaces)}"
            ip("netns", "add", space)
            self._spaces[name] = space
            ip("-n", space, "link", "set", "lo", "up")
        return self._spaces[name]


def ip(*arguments: str) -> None:
    """Run `ip`; raises PlantError with its words."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=False)
    if done.returncode:
        raise PlantError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def why_not() -> str:
    """Why namespaces and TUN devices cannot be had here; empty when they can."""
    if shutil.which("ip") is None:
        return "no `ip` command here (package iproute2)"
    space = f"yn{os.getpid()}-probe"
    try:
        ip("netns", "add", space)
    except PlantError as error:
        return f"network namespaces are not permitted here: {error}"
    try:
        os.close(open_tun(space, "probe"))
    except OSError as error:
        return f"TUN devices are not permitted here: {error}"
    finally:
        ip("netns", "del", space)
    return ""


def bare_tcp_bytes(wire: Wire, *, seconds: float) -> int:
    """Bytes that bare TCP brings over a fresh pipe and gets acknowledged in `seconds`."""
    with Plant() as plant:
        pipe = plant.join("a", "b", wire)
        receiver = plant.run("b", [sys.executable, "-m", "tests.network.bare_tcp", "receive", pipe.b, "9000"])
        assert receiver.stdout is not None
        receiver.stdout.readline()
        sender = plant.run("a", [sys.executable, "-m", "tests.network.bare_tcp", "send", pipe.b, "9000", str(seconds)])
        words: Any = sender.communicate(timeout=seconds + 60)[0]
        receiver.kill()
        receiver.communicate()
        return int(words)
