"""Durability shown apart from kill -9: `python -m benchmarks.puback_trace` traces the system calls of a real node while devices send.

Nodes survive kill -9 because the kernel keeps what was written; a power cut needs the fdatasync before the acknowledgement. strace is
attached to a node, devices send marked readings, some of them undecodable, and trace_reader.py judges what the kernel saw. `--read FILE`
judges a trace that exists, `--record FILE` keeps this one (gzip), without the folder's path and without other files and sockets. Exit
status: 0 when every acknowledgement came after its sync, 1 otherwise, 2 for a trace that cannot be read; where strace is not installed or
may not attach, the command says so and ends with 0.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.trace_reader import Proof, TraceError, prove
from simulations.devices.packets import V5, V311, Kind, connect, numbered, publish, read_answers
from sync.model import Level
from tests.e2e.cluster import HOST, Cluster, Node, Place

READINGS = 200
DEVICES = 4
WINDOW = 4
"""Readings of one device on their way: batches stay below the size from which payloads are compressed, and marks can be seen."""
REJECT_EVERY = 10
"""Every so many readings are no readings."""
ERROR = 0x80
"""Reason codes from here on are refusals, which nothing follows."""
LOAD_TIMEOUT_S = 120.0
CALLS = "recvfrom,sendto,sendmsg,read,write,writev,pwrite64,fdatasync,fsync"
STRACE = ("strace", "-f", "-yy", "-s", "262144", "-e", f"trace={CALLS}")
LOGS = ("/journal.db-wal>", "/rejects.db-wal>")
"""What a recording keeps beside the connections of devices."""


class CannotTrace(Exception):
    """This machine does not let a process be traced; the message says why."""


def main(arguments: list[str]) -> int:
    """Run as the module docstring says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--readings", type=int, default=READINGS)
    parser.add_argument("--qos", type=int, choices=(1, 2), default=1)
    parser.add_argument("--read", type=Path, metavar="FILE", help="judge this trace, .gz or plain")
    parser.add_argument("--record", type=Path, metavar="FILE", help="keep the trace here, gzip")
    given = parser.parse_args(arguments)
    try:
        if given.read is not None:
            return report(prove(lines_of(given.read)))
        with tempfile.TemporaryDirectory(prefix="yn") as scratch:
            return report(live(Path(scratch), readings=given.readings, qos=given.qos, record=given.record))
    except CannotTrace as error:
        print(f"skipped: {error}")
        return 0
    except (TraceError, OSError) as error:
        print(f"puback_trace: {error}", file=sys.stderr)
        return 2


def report(proof: Proof) -> int:
    """Print what a trace shows; the exit status."""
    print(f"PUBLISH at QoS 1 and 2: {proof.publishes}; acknowledged: {_counts(proof.acks)}")
    print(f"commit frames: {_counts(proof.commits)}; syncs that returned 0: {_counts(proof.syncs)}")
    for violation in proof.violations:
        print(f"VIOLATION {violation}")
    print("every acknowledgement began after its sync returned" if proof.is_good else "NOT PROVED")
    return 0 if proof.is_good else 1


def lines_of(path: Path) -> Iterator[str]:
    """The lines of a trace."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        yield from file


def live(folder: Path, *, readings: int, qos: int, record: Path | None) -> Proof:
    """Trace a node of its own under load. Raises CannotTrace."""
    if shutil.which("strace") is None:
        raise CannotTrace("strace is not installed (Debian: strace)")
    cluster = Cluster(folder)
    cluster.make((Place("traced", Level.PROVINCIAL, "37"),))
    cluster.start()
    trace = folder / "trace"
    try:
        tracer = attach(cluster["traced"], trace)
        try:
            asyncio.run(load(cluster["traced"], readings, qos))
        finally:
            tracer.terminate()
            tracer.wait()
    finally:
        cluster.stop()
    kept = list(relevant(lines_of(trace), cluster["traced"]))
    if record is not None:
        with gzip.open(record, "wt", encoding="utf-8") as file:
            file.writelines(kept)
    return prove(kept)


def attach(node: Node, trace: Path) -> subprocess.Popen[str]:
    """strace on every thread of `node`, once it is attached. Raises CannotTrace."""
    tracer = subprocess.Popen([*STRACE, "-p", str(node.pid), "-o", str(trace)], stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    said = tracer.stderr.readline()
    if "attached" not in said:
        tracer.kill()
        tracer.wait()
        raise CannotTrace(f"strace may not attach to a process here: {said.strip()}")
    return tracer


def relevant(lines: Iterable[str], node: Node) -> Iterator[str]:
    """The calls on the logs and on connections of the door, and the ends of those that were interrupted; paths begin at `/`."""
    door, folder = f"TCP:[{node.door}->", str(node.folder)
    waiting: set[str] = set()
    for line in lines:
        process = line.partition(" ")[0]
        if "resumed>" in line[:80]:
            if process in waiting:
                waiting.discard(process)
                yield line
        elif any(log in line[:400] for log in LOGS) or door in line[:400]:
            if line.rstrip().endswith("<unfinished ...>"):
                waiting.add(process)
            yield line.replace(folder, "", 1)


async def load(node: Node, readings: int, qos: int) -> None:
    """Devices of both versions that send `readings` marked readings; raises TimeoutError when they are not acknowledged in time."""
    host, port = HOST, int(node.door.rpartition(":")[2])
    numbers = [range(first, readings, DEVICES) for first in range(DEVICES)]
    async with asyncio.timeout(LOAD_TIMEOUT_S), asyncio.TaskGroup() as tasks:
        for device, mine in enumerate(numbers):
            tasks.create_task(send(host, port, f"traced-{device}", V5 if device % 2 else V311, mine, qos))


async def send(host: str, port: int, name: str, version: int, numbers: Iterable[int], qos: int) -> None:
    """One device: at most WINDOW readings without an acknowledgement."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(connect(name, version=version))
    buffer, waiting = bytearray(await reader.readexactly(1)), 0
    for number in numbers:
        waiting += 1
        writer.write(publish(f"air-quality/reading/{name}", reading(name, number), number + 1, version=version, qos=qos))
        while waiting >= WINDOW:
            waiting -= await acknowledged(reader, writer, buffer, version)
    while waiting:
        waiting -= await acknowledged(reader, writer, buffer, version)
    writer.close()
    await writer.wait_closed()


async def acknowledged(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, buffer: bytearray, version: int) -> int:
    """How many acknowledgements came with the next bytes; what was received is released. Raises ConnectionError when the door closed."""
    data = await reader.read(1 << 16)
    if not data:
        raise ConnectionError("the door closed a connection of the load")
    buffer += data
    answers = [answer for answer in read_answers(buffer, version) if answer.kind in (Kind.PUBACK, Kind.PUBREC)]
    for answer in answers:
        if answer.kind == Kind.PUBREC and answer.reason < ERROR:
            writer.write(numbered(Kind.PUBREL, answer.packet_id))
    return len(answers)


def reading(name: str, number: int) -> bytes:
    """A payload with its mark; every REJECT_EVERY-th is none that the door can use."""
    mark = f"={number:06d}="
    if number % REJECT_EVERY == REJECT_EVERY - 1:
        return f'{{"device":"{name}","text":"{mark}"'.encode()
    return f'{{"device":"{name}","time":{1_760_000_000 + number},"quantity":"PM2.5","value":1,"text":"{mark}"}}'.encode()


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
