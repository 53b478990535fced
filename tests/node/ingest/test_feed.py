"""`yunnao feed` against a real door."""

from __future__ import annotations

import argparse
import asyncio
import io
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from node.backoff import Backoff
from node.clock import SystemClock
from node.ingest import feed
from node.ingest.decode import decode
from node.ingest.errors import FeedError
from node.ingest.feed import Feeder, FeedFormat, FeedOptions, add_arguments, encode_reading, options_of, run_feed
from node.ingest.profiles import Format, Profile
from node.ingest.series import SeriesColumns, SeriesReading, read_series
from tests.node.ingest.parts import NOW_US, SHARED_DATA, TERRITORY, Bench, ListSink, make_bench, running_door


def readings(count: int) -> Iterator[SeriesReading]:
    """A generated series."""
    return (
        SeriesReading(number, f"d{number % 3}", NOW_US + number * 1_000_000, "q", float(number), None, "u")
        for number in range(1, count + 1)
    )


def make_feeder(port: int, series: Iterator[SeriesReading], *, ledger: io.StringIO | None = None, speed: float | None = None) -> Feeder:
    """A feeder with short waits."""
    options = FeedOptions("127.0.0.1", port, "air-quality", with_ids=ledger is not None, speed=speed)
    return Feeder(series, options, Backoff(Random(1), floor_s=0.01, cap_s=0.02), SystemClock(), ledger=ledger)


def committing_bench(folder: Path) -> Bench:
    """A bench whose inbox commits in the loop turn after data came."""
    bench = make_bench(folder, on_data=lambda: asyncio.get_running_loop().call_soon(bench.commit))  # type: ignore[arg-type]
    return bench


@pytest.mark.parametrize("format_", list(FeedFormat))
def test_messages_decode_to_what_the_series_says(format_: FeedFormat) -> None:
    options = FeedOptions("h", 1, "air-quality", format=format_, territory=None)
    wanted = SeriesReading(3, "站/1", NOW_US + 250_000, "PM2.5", 4.5, None, "ug/m3")
    if format_ is FeedFormat.SENML:
        wanted = wanted._replace(device="s1")
    topic, payload = encode_reading(wanted, options)
    (reading,) = decode(
        Profile("p", "#", Format.SENML if format_ is FeedFormat.SENML else Format.READING, "air-quality", TERRITORY), topic, payload, 0
    )
    assert (reading.device, reading.event_time_us, *reading[4:]) == (wanted.device, wanted.time_us, "PM2.5", 4.5, None, "ug/m3")
    assert topic.count("/") == 2


@pytest.mark.slow
async def test_everything_is_stored_and_the_ledger_holds_what_was_acknowledged(tmp_path: Path) -> None:
    bench, ledger = committing_bench(tmp_path), io.StringIO()
    async with running_door(bench.intake) as (_, port):
        totals = await make_feeder(port, readings(1_000), ledger=ledger).run()
    ids = [json.loads(line)["id"] for line in ledger.getvalue().splitlines()]
    assert (totals.acked, totals.reconnects, len(ids)) == (1_000, 0, 1_000)
    assert sorted(ids) == sorted(str(row["text"]) for row in bench.rows)
    bench.close()


@pytest.mark.slow
async def test_broken_connections_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    bench, ledger, rng = committing_bench(tmp_path), io.StringIO(), Random(3)
    async with running_door(bench.intake) as (door, port):
        feeder = make_feeder(port, readings(3_000), ledger=ledger)
        task = asyncio.create_task(feeder.run())
        for _ in range(5):
            wanted = feeder.totals.acked + rng.randint(50, 400)
            while feeder.totals.acked < wanted and not task.done():
                await asyncio.wait({task}, timeout=0.005)
            for connection in tuple(door._connections):
                connection._transport.abort()
        totals = await asyncio.wait_for(task, 30)
    ids = [json.loads(line)["id"] for line in ledger.getvalue().splitlines()]
    stored = [str(row["text"]) for row in bench.rows]
    assert totals.reconnects >= 3
    assert (len(ids), len(set(ids)), len(stored), len(set(stored))) == (3_000, 3_000, 3_000, 3_000)
    bench.close()


@pytest.mark.slow
async def test_speed_spaces_the_readings() -> None:
    sink = ListSink()
    async with running_door(sink) as (_, port):
        totals = await make_feeder(port, readings(4), speed=30.0).run()
    assert totals.seconds >= 0.1
    assert len(sink.messages) == 4


async def test_an_unreachable_door_ends_the_feed_with_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "TRIES_MAX", 2)
    async with running_door(ListSink()) as (_, port):
        pass
    with pytest.raises(FeedError, match="took nothing in 2 connections"):
        await make_feeder(port, readings(1)).run()


def arguments(*words: str) -> argparse.Namespace:
    """Parsed arguments."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(list(words))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--to", "nowhere"), "is not HOST:PORT"),
        (("--to", "h:99999"), "is not HOST:PORT"),
        (("--to", "h:1", "--speed", "fast"), "neither max nor a number"),
        (("--to", "h:1", "--format", "senml", "--ledger", "l"), "needs --format json"),
    ],
)
def test_bad_options_are_refused(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(FeedError, match=said):
        options_of(arguments("file.csv", *words))


def test_a_missing_series_is_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_feed(arguments(str(tmp_path / "none.csv"), "--to", "127.0.0.1:1")) == 1
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.slow
async def test_the_command_replays_the_beijing_series(tmp_path: Path) -> None:
    path = SHARED_DATA / "sensors" / "beijing-air.csv.gz"
    if not path.exists():
        pytest.skip("the collected sensor series are not here")
    bench = committing_bench(tmp_path)
    ledger = tmp_path / "ledger.jsonl"
    words = ("--device-column", "station", "--limit", "2000", "--ledger", str(ledger), "--territory", TERRITORY)
    async with running_door(bench.intake) as (_, port):
        code = await asyncio.to_thread(run_feed, arguments(str(path), "--to", f"127.0.0.1:{port}", *words))
    series = list(islice(read_series(path, SeriesColumns(device="station")), 2_000))
    stored = {row["text"]: row for row in bench.rows}
    assert (code, len(bench.rows), len(ledger.read_text().splitlines())) == (0, 2_000, 2_000)
    assert all(stored[f"{entry.device}/{entry.number}"]["value"] == entry.value for entry in series)
    bench.close()
