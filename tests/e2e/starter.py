"""A process that has imported the product and forks one for each command: a node costs a third of the time that its command takes.

Owns the forking process, one of each test process, and what it has forked until somebody waits for its end. What a forked process runs is
`node.cli.main`, with arguments, environment, folder and files as if it had been started by itself; it is signalled, killed and waited for
like any other. Two things differ from `yunnao` as a user starts it: the imports are done, and processes of one starter share a hash seed.
Benchmarks and network tests therefore start nodes by the command, and so do the tests of `yunnao demo` and those that measure memory.
Called by cluster.py once conftest.py has said `begin()`:

    process = start(["--dir", "city", "run"], out=log, err=log)
    process.send_signal(signal.SIGTERM)
    process.wait(10.0)
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import IO, Protocol

ROOT = Path(__file__).resolve().parent.parent.parent
MODULES = ("node.appliance", "duckdb", "pyarrow.compute", "simulations.replay_verb")
"""Imported beside the verbs: what they import only when they run."""
ASK_BYTES_MAX = 1 << 17
"""Of one request: arguments and environment."""
MILLISECONDS = 1_000
STREAMS = 3
"""stdin, stdout and stderr."""


class Process(Protocol):
    """What a test does with a process, forked here or started by its command."""

    @property
    def pid(self) -> int:
        """Its id."""

    def send_signal(self, sig: int, /) -> None:
        """Send a signal, unless it has ended."""

    def kill(self) -> None:
        """SIGKILL."""

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, negative for a signal. Raises subprocess.TimeoutExpired."""

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""


class StarterLost(Exception):
    """The starter ended before the test process that owns it."""


class Starter:
    """Starts the forking process, and asks it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:
            command = [sys.executable, "-m", "tests.e2e.starter", str(other.fileno())]
            self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, pass_fds=[other.fileno()])
        self._control = own

    def fork(self, arguments: Sequence[str], streams: Sequence[int]) -> Forked:
        """Run a command of the product in this environment, its standard streams being these descriptors."""
        pid = self._ask({"arguments": list(arguments), "environment": dict(os.environ)}, streams)
        return Forked(pid, os.pidfd_open(pid), self)

    def reap(self, pid: int) -> int:
        """The exit code of a process that has ended."""
        return self._ask({"reap": pid}, ())

    def _ask(self, request: dict[str, object], streams: Sequence[int]) -> int:
        with self._lock:
            socket.send_fds(self._control, [json.dumps(request).encode()], streams)
            answer = self._control.recv(ASK_BYTES_MAX)
        if not answer:
            raise StarterLost("the process that forks the nodes has ended: its errors are above")
        return int(answer)

    def end(self) -> None:
        """End the forking process; what it has forked runs on."""
        self._control.close()
        self._process.wait()


@dataclass(slots=True)
class Forked:
    """A process that the starter forked."""

    pid: int
    handle: int
    """A descriptor of exactly this process, whatever becomes of its number."""
    starter: Starter
    code: int | None = field(default=None)

    def send_signal(self, sig: int, /) -> None:
        """As `Process`."""
        if self.code is None:
            signal.pidfd_send_signal(self.handle, sig)

    def kill(self) -> None:
        """As `Process`."""
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """As `Process`."""
        if self.code is None:
            if not select.select([self.handle], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
            self.code = self.starter.reap(self.pid)
            os.close(self.handle)
        return self.code

    def poll(self) -> int | None:
        """As `Process`."""
        try:
            return self.wait(0.0)
        except subprocess.TimeoutExpired:
            return None


_STARTERS: list[Starter] = []


def begin() -> None:
    """Fork commands from now on; without it each is started by itself."""
    _STARTERS.append(Starter())


def end() -> None:
    """Start each command by itself again."""
    _STARTERS.pop().end()


def start(arguments: Sequence[str], *, out: IO[bytes], err: IO[bytes], prefix: Sequence[str] = ()) -> Process:
    """Run `yunnao ARGUMENTS` in the project root with no input, by its command where something is put before that; does not wait."""
    if prefix or not _STARTERS:
        command = [*prefix, sys.executable, "-m", "node.cli", *arguments]
        return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
    with Path(os.devnull).open("rb") as nothing:
        return _STARTERS[-1].fork(arguments, [nothing.fileno(), out.fileno(), err.fileno()])


def run(arguments: Sequence[str], *, timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Run `yunnao ARGUMENTS` to its end. Raises subprocess.TimeoutExpired, with the process killed, when it does not end in time."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = start(arguments, out=out, err=err)
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        return subprocess.CompletedProcess(["yunnao", *arguments], code, said(out), said(err))


def said(file: IO[bytes]) -> str:
    """All that a process wrote to the file."""
    file.seek(0)
    return file.read().decode("utf-8")


def import_product() -> None:
    """Import every verb and what it needs."""
    from node.verbs import BUILT_IN

    for name in (*BUILT_IN.values(), *MODULES):
        import_module(name)


def serve(control: socket.socket) -> list[str]:
    """Fork at every request until the other side is gone; returns in each forked process, with the arguments of its command."""
    while True:
        message, streams, _, _ = socket.recv_fds(control, ASK_BYTES_MAX, STREAMS)
        if not message:
            sys.exit(0)
        request = json.loads(message)
        if "reap" in request:
            control.send(str(os.waitstatus_to_exitcode(os.waitpid(request["reap"], 0)[1])).encode())
            continue
        pid = os.fork()
        if not pid:
            control.close()
            become(request["environment"], streams)
            return list(request["arguments"])
        for stream in streams:
            os.close(stream)
        control.send(str(pid).encode())


def become(environment: Mapping[str, str], streams: Sequence[int]) -> None:
    """Take over the environment and the standard streams."""
    os.environ.clear()
    os.environ.update(environment)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)


def main() -> int:
    """The forking process, and in the end each process that it forks."""
    from node.cli import main as run_command

    import_product()
    arguments = serve(socket.socket(fileno=int(sys.argv[1])))
    sys.argv = ["yunnao", *arguments]
    return run_command(arguments)


if __name__ == "__main__":
    sys.exit(main())
