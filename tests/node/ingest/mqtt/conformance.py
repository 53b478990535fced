"""`python -m tests.node.ingest.mqtt.conformance SUITE`: the eclipse/paho.mqtt.testing suite against the door with the open access profile.

SUITE is a checkout of that suite; nothing of it is copied here. Every test runs in a process of its own, against a door of its own, for at
most 60 s. With --mosquitto the same tests run against the mosquitto of this machine, beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from node.clock import SystemClock
from node.ingest.door import Door, Listen
from node.ingest.mqtt.access import Access
from tests.node.ingest.parts import make_bench

TEST_TIMEOUT_S = 60
"""Longest run of one test."""
AT_ONCE = 4
"""Tests that run beside each other; nearly all of their time they wait."""
SERVER_KEEP_ALIVE_S = 60
"""What the suite expects a server to make of a longer keep alive."""
MODULES = {"3.1.1": "client_test", "5": "client_test5"}
EXTRA = {"3.1.1": ("will_message_test",), "5": ()}
"""Tests of the suite whose names its own runner does not find."""
DECLARED_OFF = {
    "test_subscribe_identifiers": "CONNACK: subscription identifiers are not available",
    "test_shared_subscriptions": "CONNACK: shared subscriptions are not available",
}
"""Tests of v5 for what the CONNACK says the door has not."""

_RUN = """
import sys, unittest
sys.path.insert(0, sys.argv[1])
suite = __import__(sys.argv[2])
suite.host, suite.port, suite.topic_prefix = "127.0.0.1", int(sys.argv[4]), "client_test5/"
if suite.__name__ == "client_test":
    suite.topics = ("TopicA", "TopicA/B", "Topic/C", "TopicA/C", "/TopicA")
    suite.wildtopics = ("TopicA/+", "+/C", "#", "/#", "/+", "+/+", "TopicA/#")
    suite.nosubscribe_topics = ("test/nosubscribe",)
if sys.argv[3] == "--names":
    print(" ".join(unittest.TestLoader().getTestCaseNames(suite.Test)))
else:
    ran = unittest.TextTestRunner(stream=sys.stderr).run(unittest.TestSuite([suite.Test(sys.argv[3])]))
    sys.exit(not ran.wasSuccessful())
"""


@dataclass(frozen=True)
class Result:
    """What became of one test."""

    version: str
    name: str
    passed: bool
    said: str
    """The end of what the test wrote."""
    tries: int = 1


@asynccontextmanager
async def open_door() -> AsyncIterator[int]:
    """A door of the open profile over real stores, which commits in the next turn of the loop; yields its port."""
    loop = asyncio.get_running_loop()
    commit: list[Callable[[], object]] = []

    def due(work: Callable[[], object]) -> None:
        loop.call_soon(work)

    with TemporaryDirectory() as folder:
        bench = make_bench(Path(folder), on_data=lambda: due(commit[0]), call_later=loop.call_later)
        commit.append(bench.commit)
        door = Door(
            [Listen("127.0.0.1", 0)],
            bench.intake,
            passwords=None,
            anonymous=True,
            access=Access(is_open=True),
            clock=SystemClock(),
            keep_alive_s_max=SERVER_KEEP_ALIVE_S,
        )
        ((_, port),) = await door.start()
        try:
            yield port
        finally:
            await door.stop()
            bench.close()


@asynccontextmanager
async def mosquitto() -> AsyncIterator[int]:
    """A mosquitto of its own; yields its port."""
    with socket.socket() as probe, TemporaryDirectory() as folder:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
        config = Path(folder) / "mosquitto.conf"
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_keepalive {SERVER_KEEP_ALIVE_S}\n")
        probe.close()
        binary = shutil.which("mosquitto")
        assert binary is not None, "mosquitto is not installed"
        process = await asyncio.create_subprocess_exec(
            binary, "-c", str(config), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            await _wait_listening(port)
            yield port
        finally:
            process.terminate()
            await process.wait()


async def _wait_listening(port: int) -> None:
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)


async def names(suite: Path, version: str) -> list[str]:
    """The tests of one version."""
    _, said = await _process(suite, version, "--names", 0)
    return [*said.split("\n")[0].split(), *EXTRA[version]]


async def run_one(suite: Path, version: str, name: str, *, beside_mosquitto: bool = False) -> Result:
    """One test against a server of its own."""
    async with mosquitto() if beside_mosquitto else open_door() as port:
        passed, said = await _process(suite, version, name, port)
        return Result(version, name, passed, said[-2_000:])


async def _process(suite: Path, version: str, name: str, port: int) -> tuple[bool, str]:
    arguments = (str(suite / "interoperability"), MODULES[version], name, str(port))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "ignore", "-c", _RUN, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), TEST_TIMEOUT_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        return False, f"ran longer than {TEST_TIMEOUT_S} s"
    return process.returncode == 0, said.decode(errors="replace")


async def run_all(suite: Path, *, only: str = "", beside_mosquitto: bool = False) -> list[Result]:
    """Every test whose name contains `only`, both versions.

    One that fails is run once more by itself: the suite waits 0.2 s for a CONNACK, which a busy machine misses.
    """
    room = asyncio.Semaphore(AT_ONCE)

    async def one(version: str, name: str) -> Result:
        async with room:
            return await run_one(suite, version, name, beside_mosquitto=beside_mosquitto)

    wanted = [(version, name) for version in MODULES for name in await names(suite, version) if only in name]
    results = list(await asyncio.gather(*(one(version, name) for version, name in wanted)))
    for index, result in enumerate(results):
        if not result.passed:
            again = await run_one(suite, result.version, result.name, beside_mosquitto=beside_mosquitto)
            results[index] = replace(again, tries=2)
    return results


def _line(result: Result, other: Result | None) -> str:
    off = DECLARED_OFF.get(result.name) if result.version == "5" else None
    word = ("passed" if result.tries == 1 else "passed at the second try") if result.passed else f"off: {off}" if off else "FAILED"
    beside = "" if other is None else f"   mosquitto: {'passed' if other.passed else 'failed'}"
    return f"{result.version:<6} {result.name:<36} {word}{beside}"


def main() -> int:
    """Print a line for each test; 1 when one fails that is not declared off."""
    parser = argparse.ArgumentParser(prog="python -m tests.node.ingest.mqtt.conformance", description=__doc__)
    parser.add_argument("suite", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--mosquitto", action="store_true")
    parser.add_argument("--said", action="store_true", help="print what failed tests wrote")
    args = parser.parse_args()
    results = asyncio.run(run_all(args.suite, only=args.only))
    others = asyncio.run(run_all(args.suite, only=args.only, beside_mosquitto=True)) if args.mosquitto else [None] * len(results)
    is_bad = False
    for result, other in zip(results, others, strict=True):
        sys.stdout.write(_line(result, other) + "\n")
        is_failed = not result.passed and (result.version != "5" or result.name not in DECLARED_OFF)
        if is_failed and args.said:
            sys.stdout.write(result.said + "\n")
        is_bad = is_bad or is_failed
    return int(is_bad)


if __name__ == "__main__":
    sys.exit(main())
