"""`yunnao feed`: replays a series into a sensor door by aiomqtt, many messages in flight, and writes down what was acknowledged.

Every reading is one message, by default at QoS 1. A reading counts as acked when its PUBACK is in, and only then its id goes to the ledger.
After a broken connection what was not acknowledged is sent again, with the same content, so that the door can recognise it.
Called by the command line.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import ssl
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

import aiomqtt

from node.backoff import Backoff
from node.clock import Clock, SystemClock
from node.identity.chance import new_id, new_rng
from node.ingest.errors import FeedError, IngestError
from node.ingest.series import SeriesColumns, SeriesReading, read_series
from node.texts import text

IN_FLIGHT_MAX = 256
"""Messages without PUBACK; the door's receive maximum is higher."""
TRIES_MAX = 1_000
"""Connections in a row that bring no acknowledgement before the feed gives up."""
RECONNECT_FLOOR_S = 0.2
RECONNECT_CAP_S = 5.0
ACK_TIMEOUT_S = 60.0
"""Seconds without the PUBACK of one message before the connection counts as broken."""
PROGRESS_EVERY_S = 2.0
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells expect."""


class FeedFormat(Enum):
    """How the messages are written."""

    JSON = "json"
    SENML = "senml"


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """What to send where."""

    host: str
    port: int
    resource: str
    format: FeedFormat = FeedFormat.JSON
    topic: str | None = None
    """Topic of every message; None for `<resource>/<format>/<device>`."""
    qos: int = 1
    speed: float | None = None
    """Series seconds per second; None for as fast as it goes."""
    territory: str | None = None
    with_ids: bool = False
    """True to write `<device>/<number>` into the text of every reading."""
    username: str | None = None
    password: str | None = None
    tls: ssl.SSLContext | None = None
    protocol: aiomqtt.ProtocolVersion = aiomqtt.ProtocolVersion.V311


@dataclass(slots=True)
class FeedTotals:
    """What a feed did."""

    sent: int = 0
    """Messages handed to the client, repeats included."""
    acked: int = 0
    reconnects: int = 0
    seconds: float = 0.0


def reading_id(reading: SeriesReading) -> str:
    """The id of a reading in ledgers: `<device>/<number>`."""
    return f"{reading.device}/{reading.number}"


def encode_reading(reading: SeriesReading, options: FeedOptions) -> tuple[str, bytes]:
    """Topic and payload of one message."""
    time_s = reading.time_us // 1_000_000 if reading.time_us % 1_000_000 == 0 else reading.time_us / 1e6
    word = "reading" if options.format is FeedFormat.JSON else "senml"
    level = "".join("_" if letter in "/+#\0" else letter for letter in reading.device)
    topic = options.topic or f"{options.resource}/{word}/{level}"
    if options.format is FeedFormat.SENML:
        fields: dict[str, object] = {"bn": f"{reading.device}:", "n": reading.quantity, "t": time_s}
        fields |= {"u": reading.unit} if reading.unit else {}
        fields |= {"v": reading.value} if reading.value is not None else {"vs": reading.text}
        return topic, json.dumps([fields], ensure_ascii=False).encode()
    named = {"territory": options.territory, "unit": reading.unit, "text": reading_id(reading) if options.with_ids else reading.text}
    fields = {"device": reading.device, "time": time_s, "quantity": reading.quantity, "value": reading.value}
    fields |= {name: value for name, value in named.items() if value is not None}
    return topic, json.dumps(fields, ensure_ascii=False).encode()


class Feeder:
    """One replay: knows what is acknowledged, what is in flight and what comes next."""

    def __init__(
        self, readings: Iterator[SeriesReading], options: FeedOptions, backoff: Backoff, clock: Clock, *, ledger: TextIO | None = None
    ) -> None:
        self.totals = FeedTotals()
        self._readings = readings
        self._options = options
        self._backoff = backoff
        self._clock = clock
        self._ledger = ledger
        self._again: deque[SeriesReading] = deque()
        self._in_flight: dict[int, SeriesReading] = {}
        self._began_us = clock.now().us
        self._first_us: int | None = None
        self._is_over = False
        # A user of the door comes under client ids that begin with its name.
        self._client_id = f"{options.username or 'feed'}/{new_id()}"

    async def run(self) -> FeedTotals:
        """Send everything; raises FeedError when the door stays unreachable. Cancelling it is safe: the ledger holds exactly what was
        acknowledged."""
        tries = 0
        while not self._is_over or self._again:
            acked_before = self.totals.acked
            problem = await self._session()
            if problem is None:
                break
            tries = 0 if self.totals.acked > acked_before else tries + 1
            if tries >= TRIES_MAX:
                raise FeedError(f"the door at {self._options.host}:{self._options.port} took nothing in {tries} connections: {problem}")
            self.totals.reconnects += 1
            await asyncio.sleep(self._backoff.next_wait_s())
        self.totals.seconds = (self._clock.now().us - self._began_us) / 1e6
        return self.totals

    async def _session(self) -> str | None:
        """One connection until all is sent, or until it broke: then why."""
        options = self._options
        client = aiomqtt.Client(
            options.host, options.port, identifier=self._client_id, username=options.username, password=options.password,
            tls_context=options.tls, protocol=options.protocol, max_inflight_messages=IN_FLIGHT_MAX, max_concurrent_outgoing_calls=2 *
            IN_FLIGHT_MAX,
        )  # fmt: skip
        client.pending_calls_threshold = 2 * IN_FLIGHT_MAX  # many in flight is how a feed works, nothing to warn of on the terminal
        try:
            async with client:
                await self._send_all(client)
        except aiomqtt.MqttError as error:
            return str(error) or type(error).__name__
        except OSError as error:
            return str(error)
        finally:
            self._again.extend(self._in_flight[number] for number in sorted(self._in_flight))
            self._in_flight.clear()
        return None

    async def _send_all(self, client: aiomqtt.Client) -> None:
        # The message iterator is how aiomqtt reports a lost connection; publishes in flight alone would wait for their timeout.
        watcher = asyncio.create_task(self._watch(client))
        senders = [asyncio.create_task(self._send_some(client)) for _ in range(IN_FLIGHT_MAX)]
        everything = asyncio.gather(*senders)
        try:
            waiting: set[asyncio.Future[Any]] = {watcher, everything}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if watcher.done():
                watcher.result()
            await everything
        finally:
            for task in (watcher, *senders):
                task.cancel()
            await asyncio.gather(watcher, *senders, return_exceptions=True)
            if everything.done() and not everything.cancelled():
                everything.exception()

    async def _watch(self, client: aiomqtt.Client) -> None:
        async for _ in client.messages:
            pass

    async def _send_some(self, client: aiomqtt.Client) -> None:
        while True:
            reading = self._again.popleft() if self._again else next(self._readings, None)
            if reading is None:
                self._is_over = True
                return
            self._in_flight[reading.number] = reading
            await self._wait_due(reading)
            topic, payload = encode_reading(reading, self._options)
            self.totals.sent += 1
            await client.publish(topic, payload, qos=self._options.qos, timeout=ACK_TIMEOUT_S)
            del self._in_flight[reading.number]
            self._note_acked(reading)

    async def _wait_due(self, reading: SeriesReading) -> None:
        if self._options.speed is None:
            return
        if self._first_us is None:
            self._first_us = reading.time_us
        due_us = self._began_us + (reading.time_us - self._first_us) / self._options.speed
        wait_s = (due_us - self._clock.now().us) / 1e6
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    def _note_acked(self, reading: SeriesReading) -> None:
        self.totals.acked += 1
        if self._ledger is not None:
            entry = {
                "id": reading_id(reading),
                "device": reading.device,
                "time_us": reading.time_us,
                "quantity": reading.quantity,
                "value": reading.value,
            }
            self._ledger.write(json.dumps(entry, ensure_ascii=False) + "\n")
            self._ledger.flush()


def add_arguments(parser: argparse.ArgumentParser, language: str = "en") -> None:
    """The arguments of `yunnao feed`."""

    def say(name: str) -> str:
        return text(f"feed.argument_{name}", language)

    parser.add_argument("file", type=Path, help=say("file"))
    parser.add_argument("--to", required=True, metavar="HOST:PORT", help=say("to"))
    parser.add_argument("--speed", default="max", help=say("speed"))
    parser.add_argument("--resource", default="air-quality", help=say("resource"))
    parser.add_argument("--topic", help=say("topic"))
    parser.add_argument("--format", choices=[entry.value for entry in FeedFormat], default=FeedFormat.JSON.value, help=say("format"))
    parser.add_argument("--device-column", default="device", help=say("device_column"))
    parser.add_argument("--device", help=say("device"))
    parser.add_argument("--time-column", default="time", help=say("time_column"))
    parser.add_argument("--territory", help=say("territory"))
    parser.add_argument("--qos", type=int, choices=(0, 1), default=1, help=say("qos"))
    parser.add_argument("--limit", type=int, help=say("limit"))
    parser.add_argument("--ledger", type=Path, help=say("ledger"))
    parser.add_argument("--user", help=say("user"))
    parser.add_argument("--password-file", type=Path, help=say("password_file"))
    parser.add_argument("--cafile", type=Path, help=say("cafile"))


def run_feed(args: argparse.Namespace) -> int:
    """Replay `args.file`; returns the exit code: 0 done, 1 with a message, 130 after Ctrl-C."""
    language = getattr(args, "language", "en")
    say = sys.stderr.write
    try:
        totals = _replay(args, language)
    except KeyboardInterrupt:
        say(text("feed.interrupted", language) + "\n")
        return INTERRUPTED
    except (IngestError, OSError) as error:
        say(f"{error}\n")
        return 1
    rate = totals.acked / totals.seconds if totals.seconds else 0.0
    say(
        text("feed.done", language, acked=totals.acked, seconds=f"{totals.seconds:.1f}", rate=f"{rate:.0f}", reconnects=totals.reconnects)
        + "\n"
    )
    if getattr(args, "json", False):
        facts = {"sent": totals.sent, "acked": totals.acked, "reconnects": totals.reconnects, "seconds": totals.seconds, "rate": rate}
        sys.stdout.write(json.dumps(facts) + "\n")
    return 0


def _replay(args: argparse.Namespace, language: str) -> FeedTotals:
    options = options_of(args)
    columns = SeriesColumns(time=args.time_column, device=args.device_column, constant_device=args.device)
    series = islice(read_series(args.file, columns), args.limit)
    # A file that cannot be read is said at once, not after the door was found.
    readings = chain(list(islice(series, 1)), series)
    with contextlib.ExitStack() as stack:
        ledger = None if args.ledger is None else stack.enter_context(args.ledger.open("a", encoding="utf-8"))
        backoff = Backoff(new_rng(), floor_s=RECONNECT_FLOOR_S, cap_s=RECONNECT_CAP_S)
        feeder = Feeder(readings, options, backoff, SystemClock(), ledger=ledger)
        return asyncio.run(_with_progress(feeder, lambda totals: _show(totals, language)))


def _show(totals: FeedTotals, language: str) -> None:
    sys.stderr.write(text("feed.progress", language, acked=totals.acked, sent=totals.sent, reconnects=totals.reconnects) + "\n")


async def _with_progress(feeder: Feeder, show: Callable[[FeedTotals], None]) -> FeedTotals:
    task = asyncio.create_task(feeder.run())
    try:
        while not (await asyncio.wait({task}, timeout=PROGRESS_EVERY_S))[0]:
            show(feeder.totals)
    finally:
        task.cancel()
        await asyncio.wait({task})
    return task.result()


def options_of(args: argparse.Namespace) -> FeedOptions:
    """The options that the arguments say; raises FeedError for one that cannot be."""
    host, _, port = str(args.to).rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65_536:
        raise FeedError(f"--to {args.to!r} is not HOST:PORT, such as 127.0.0.1:1883")
    if args.ledger is not None and args.format != FeedFormat.JSON.value:
        raise FeedError("--ledger needs --format json: a SenML value has no room for an id")
    return FeedOptions(
        host=host.strip("[]"),
        port=int(port),
        resource=args.resource,
        format=FeedFormat(args.format),
        topic=args.topic,
        qos=args.qos,
        speed=_speed(args.speed),
        territory=args.territory,
        with_ids=args.ledger is not None,
        username=args.user,
        password=None if args.password_file is None else args.password_file.read_text("utf-8").split("\n", 1)[0],
        tls=None if args.cafile is None else ssl.create_default_context(cafile=str(args.cafile)),
    )


def _speed(word: str) -> float | None:
    if word == "max":
        return None
    try:
        speed = float(word)
    except ValueError:
        speed = 0.0
    if not 0 < speed < 1e12:
        raise FeedError(f"--speed {word!r} is neither max nor a number above 0")
    return speed
