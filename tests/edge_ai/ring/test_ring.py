"""A frame ring from the writer to the reader: whole frames, torn ones, other sizes, no room, restarts and deaths."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest

from edge_ai.capture.gate import CALIBRATING_FRAMES, MUTED_FRAMES, GateState
from edge_ai.errors import RingError
from edge_ai.picture import Pixels, Shot
from edge_ai.ring.layout import PIXELS_MAX, SLOTS_PER_CAMERA, WORD_BYTES, Place, place_of, ring_bytes
from edge_ai.ring.reader import RingReader
from edge_ai.ring.writer import RingWriter, fitted
from edge_ai.spec import CameraKind, CameraSpec, DecodeMode
from sync.model import Instant

START = Instant(5_000_000)
ROOT = Path(__file__).parents[3]
LOOKS_BEFORE_COPY = 2
"""Before and after a reader takes what a frame says of itself."""


def picture(value: int, *, width: int = 64, height: int = 48) -> Pixels:
    """Grey, with a white square that lies elsewhere for each value, so that the gate sees motion."""
    pixels = np.full((height, width, 3), 40, np.uint8)
    left = value * 7 % (width - 16)
    pixels[8:32, left : left + 16] = 200 + value % 50
    return pixels


def spec(name: str, mode: DecodeMode = DecodeMode.FULL) -> CameraSpec:
    return CameraSpec(id=name, kind=CameraKind.RTSP, source="rtsp://x/", algorithm="motion-object", mode=mode)


def feed(writer: RingWriter, camera: str, first: int, count: int, *, generation: int = 0, width: int = 64, height: int = 48) -> None:
    for value in range(first, first + count):
        shot = Shot(camera, picture(value, width=width, height=height), START.plus(value / 5), 1_000 + value, generation)
        writer.put(shot)


def ring(folder: Path, *cameras: str) -> tuple[RingWriter, RingReader]:
    writer = RingWriter(folder / "c.ring", [spec(camera) for camera in cameras], START)
    reader = RingReader(folder / "c.ring", cameras)
    reader.refresh()
    return writer, reader


def test_reader_gets_the_newest_frame_with_its_times_and_what_the_gate_saw(tmp_path: Path) -> None:
    writer, reader = ring(tmp_path, "a", "b")
    feed(writer, "b", 0, CALIBRATING_FRAMES + 3)
    last = CALIBRATING_FRAMES + 2
    [(camera, offered)] = reader.news()
    seen = reader.take(camera, offered.number)
    assert seen is not None
    assert camera == "b"
    assert (seen.shot.wall_us, seen.shot.now) == (1_000 + last, START.plus(last / 5))
    assert np.array_equal(seen.shot.pixels, picture(last))
    assert seen.motion.state is GateState.MOTION
    assert len(seen.motion.boxes) >= 1
    assert reader.news() == []


def test_frame_that_was_overwritten_while_it_waited_is_dropped_and_counted(tmp_path: Path) -> None:
    writer, reader = ring(tmp_path, "a")
    feed(writer, "a", 0, CALIBRATING_FRAMES + 1)
    [(_, offered)] = reader.news()
    feed(writer, "a", 20, SLOTS_PER_CAMERA)
    assert reader.take("a", offered.number) is None
    assert reader.torn == {"a": 1}


def test_frame_that_is_half_written_is_never_given(tmp_path: Path) -> None:
    writer, reader = ring(tmp_path, "a")
    feed(writer, "a", 0, CALIBRATING_FRAMES + 1)
    [(_, offered)] = reader.news()
    with (tmp_path / "c.ring").open("r+b") as file:
        file.seek(place_of(0, offered.number).sequence * WORD_BYTES)
        file.write((2 * offered.number + 3).to_bytes(8, "little"))
    assert reader.take("a", offered.number) is None


def test_writer_in_full_run_never_gives_a_reader_a_mixed_picture(tmp_path: Path) -> None:
    writer, reader = ring(tmp_path, "a")
    rng, whole = Random(3), 0
    for value in range(300):
        writer.put(Shot("a", picture(value), START.plus(value / 5), value, 0))
        if rng.random() < 0.5:
            for camera, offered in reader.news():
                seen = reader.take(camera, offered.number)
                assert seen is not None
                assert np.array_equal(seen.shot.pixels, picture(seen.shot.wall_us))
                whole += 1
    assert whole > 100


class Overtaken(RingReader):
    """A reader whose frame is written over while it copies: right after it found the frame whole for the last time before the copy."""

    def __init__(self, path: Path, cameras: tuple[str, ...], write: Callable[[], None]) -> None:
        super().__init__(path, cameras)
        self._write = write
        self._looks = 0

    def _is_whole(self, place: Place, number: int) -> bool:
        found = super()._is_whole(place, number)
        self._looks += 1
        if self._looks == LOOKS_BEFORE_COPY:
            self._write()
        return found


def test_a_frame_that_is_written_over_while_it_is_copied_is_thrown_away_and_counted(tmp_path: Path) -> None:
    writer, reader = ring(tmp_path, "a")
    feed(writer, "a", 0, CALIBRATING_FRAMES + 1)
    [(_, offered)] = reader.news()
    overtaken = Overtaken(tmp_path / "c.ring", ("a",), lambda: feed(writer, "a", 50, SLOTS_PER_CAMERA))
    overtaken.refresh()
    assert overtaken.take("a", offered.number) is None
    assert overtaken.torn == {"a": 1}


def fill(writer: RingWriter, value: int, at_s: float, *, generation: int = 0, value_seen: int | None = None) -> bool:
    """A picture made where the ring gives room for it; True when a reader should look."""
    room = writer.room("a")
    assert room is not None
    room[:] = picture(value if value_seen is None else value_seen)
    return writer.put(Shot("a", room, START.plus(at_s), value, generation))


def test_picture_made_in_its_slot_comes_out_as_it_was_made(tmp_path: Path) -> None:
    writer, reader = ring(tmp_path, "a")
    assert writer.room("a") is None
    feed(writer, "a", 0, 1)
    for value in range(1, CALIBRATING_FRAMES + 20):
        assert fill(writer, value, value / 5)
        [(camera, offered)] = reader.news()
        seen = reader.take(camera, offered.number)
        assert seen is not None
        assert (seen.shot.wall_us, seen.shot.now) == (value, START.plus(value / 5))
        assert np.array_equal(seen.shot.pixels, picture(value))


def test_newest_frame_stays_whole_while_the_next_picture_is_made_and_after_it_is_left_out(tmp_path: Path) -> None:
    writer, reader = ring(tmp_path, "a")
    feed(writer, "a", 0, CALIBRATING_FRAMES)
    assert fill(writer, 50, 2.0)
    [(camera, offered)] = reader.news()
    assert [fill(writer, 51 + index, 2.2 + index / 5, value_seen=50) for index in range(40)][-1] is False
    for value in (0, 255):
        room = writer.room("a")
        assert room is not None
        room[:] = value
    newest = max([offered.number, *(found.number for _, found in reader.news())])
    seen = reader.take(camera, newest)
    assert seen is not None
    assert np.array_equal(seen.shot.pixels, picture(50))


def test_older_frame_is_lost_to_readers_before_its_room_is_given_away(tmp_path: Path) -> None:
    writer, reader = ring(tmp_path, "a")
    feed(writer, "a", 0, CALIBRATING_FRAMES + 1)
    [(camera, offered)] = reader.news()
    feed(writer, "a", 20, SLOTS_PER_CAMERA - 1)
    assert reader.take(camera, offered.number) is not None
    assert writer.room("a") is not None
    assert reader.take(camera, offered.number) is None


def test_picture_of_another_size_than_the_room_is_published_all_the_same(tmp_path: Path) -> None:
    writer, reader = ring(tmp_path, "a")
    feed(writer, "a", 0, CALIBRATING_FRAMES)
    for generation, (width, height) in enumerate([(64, 48), (32, 40), (1600, 900), (64, 48)], start=1):
        room = writer.room("a")
        assert room is None or room.shape[1] != width or generation == 1
        feed(writer, "a", 10 * generation, 1, generation=generation, width=width, height=height)
        [(camera, offered)] = reader.news()
        seen = reader.take(camera, offered.number)
        assert seen is not None
        if width * height <= PIXELS_MAX:
            assert np.array_equal(seen.shot.pixels, picture(10 * generation, width=width, height=height))
    assert writer.room("a") is not None


def test_pictures_too_large_for_a_slot_get_no_room(tmp_path: Path) -> None:
    writer, _ = ring(tmp_path, "a")
    feed(writer, "a", 0, 1, width=1600, height=900)
    assert writer.room("a") is None


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (720, 1280), (3840, 2160), (20_000, 60), (60, 20_000)])
def test_picture_of_any_size_fits_a_slot_with_its_aspect(width: int, height: int) -> None:
    lower, narrower = fitted(np.empty((height, width, 3), np.uint8))
    assert 0 < lower * narrower <= PIXELS_MAX
    if width * height <= PIXELS_MAX:
        assert (lower, narrower) == (height, width)
    assert abs(narrower / lower - width / height) <= 0.02 * width / height


def test_size_that_changes_in_mid_stream_comes_with_each_frame(tmp_path: Path) -> None:
    writer, reader = ring(tmp_path, "a")
    sizes: list[tuple[int, int]] = []
    for generation, (width, height) in enumerate([(64, 48), (1600, 900), (32, 40)]):
        feed(writer, "a", 100 * generation, 20, generation=generation, width=width, height=height)
        [(_, offered)] = reader.news()
        seen = reader.take("a", offered.number)
        assert seen is not None
        sizes.append((seen.shot.pixels.shape[1], seen.shot.pixels.shape[0]))
        if len(seen.motion.boxes):
            assert float(seen.motion.boxes[:, 2].max()) <= seen.shot.pixels.shape[1] + 1
    assert sizes == [(64, 48), (1280, 720), (32, 40)]


def test_quiet_pictures_are_published_once_a_second_for_the_heartbeat(tmp_path: Path) -> None:
    writer, reader = ring(tmp_path, "a")
    still = picture(3)
    told, states = 0, list[GateState]()
    for index in range(CALIBRATING_FRAMES + 50):
        told += writer.put(Shot("a", still, START.plus(index / 5), index, 0))
        states += [offered.motion.state for _, offered in reader.news()]
    assert told == CALIBRATING_FRAMES
    assert states[:told] == [GateState.CALIBRATING] * CALIBRATING_FRAMES
    assert 9 <= len(states[told:]) <= 11
    assert set(states[told:]) == {GateState.QUIET}


@pytest.mark.parametrize("jump_us", [3_600_000_000, -3_600_000_000])
def test_a_wall_clock_that_jumps_an_hour_changes_no_order_and_is_told_as_it_was(tmp_path: Path, jump_us: int) -> None:
    writer, reader = ring(tmp_path, "a")
    wall_us, seen = 1_800_000_000_000_000, list[tuple[Instant, int]]()
    for value in range(12):
        shown_us = wall_us + value * 200_000 + (jump_us if value >= 6 else 0)
        writer.put(Shot("a", picture(value), START.plus(value / 5), shown_us, 0))
        taken = [reader.take(camera, offered.number) for camera, offered in reader.news()]
        seen += [(each.shot.now, each.shot.wall_us - wall_us) for each in taken if each is not None]
    assert [now for now, _ in seen] == [START.plus(value / 5) for value in range(12)]
    assert [wall for _, wall in seen][5:7] == [1_000_000, 1_200_000 + jump_us]


def test_pictures_after_a_reconnection_are_published_and_a_storm_is_not(tmp_path: Path) -> None:
    writer, reader = ring(tmp_path, "a")
    feed(writer, "a", 0, CALIBRATING_FRAMES + 3)
    assert [offered.motion.state for _, offered in reader.news()] == [GateState.MOTION]
    feed(writer, "a", 0, 1, generation=1)
    assert [offered.motion.state for _, offered in reader.news()] == [GateState.MUTED]
    feed(writer, "a", 1, MUTED_FRAMES, generation=1)
    reader.news()
    assert not writer.put(Shot("a", 255 - picture(0) // 4, START.plus(99), 1, 1))
    assert reader.news() == []
    assert writer.storms("a") == 1


def test_every_still_is_published_however_alike_they_are(tmp_path: Path) -> None:
    writer = RingWriter(tmp_path / "c.ring", [spec("a", DecodeMode.STILL)], START)
    still = picture(3)
    assert all(writer.put(Shot("a", still, START.plus(60 * index), index, 0)) for index in range(3))


def test_reader_follows_a_writer_that_was_started_again(tmp_path: Path) -> None:
    first, reader = ring(tmp_path, "a")
    feed(first, "a", 0, CALIBRATING_FRAMES + 3)
    [(_, offered)] = reader.news()
    before = reader.take("a", offered.number)
    second = RingWriter(tmp_path / "c.ring", [spec("a")], START.plus(1))
    feed(second, "a", 0, CALIBRATING_FRAMES + 2)
    reader.refresh()
    [(_, offered)] = reader.news()
    after = reader.take("a", offered.number)
    assert before is not None
    assert after is not None
    assert before.shot.generation != after.shot.generation
    second.close()
    assert list(tmp_path.iterdir()) == []


def test_reader_of_another_list_of_cameras_reads_nothing(tmp_path: Path) -> None:
    writer, _ = ring(tmp_path, "a", "b")
    feed(writer, "a", 0, CALIBRATING_FRAMES + 3)
    other = RingReader(tmp_path / "c.ring", ("a",))
    other.refresh()
    assert other.news() == []


def test_ring_without_room_is_refused_in_words_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int, _start: int, _size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(RingError, match=r"no room for a frame ring of 5 MiB .* No space left on device; free space there"):
        RingWriter(tmp_path / "c.ring", [spec("a")], START)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
def test_ring_in_a_file_system_of_16_mib_is_refused_and_not_killed_by_sigbus(tmp_path: Path) -> None:
    """In a mount namespace of its own (EDGE_AI failure 4)."""
    script = (
        "import sys; from pathlib import Path; from edge_ai.ring.writer import RingWriter; from edge_ai.errors import RingError\n"
        "from sync.model import Instant; from tests.edge_ai.ring.test_ring import spec\n"
        "RingWriter(Path(sys.argv[1]) / 'one.ring', [spec('a')], Instant(1))\n"
        "try: RingWriter(Path(sys.argv[1]) / 'many.ring', [spec(str(i)) for i in range(8)], Instant(1))\n"
        "except RingError as error: print(error)\n"
    )
    steps = f'mount -t tmpfs -o size=16m none "{tmp_path}" && "{sys.executable}" -c "$SCRIPT" "{tmp_path}"'
    run = subprocess.run(
        ["unshare", "-m", "sh", "-c", steps], env={**os.environ, "SCRIPT": script}, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if run.returncode != 0 and ("unshare" in run.stderr or "mount" in run.stderr):
        pytest.skip(f"no mount namespace here: {run.stderr.strip()[:120]}")
    assert run.returncode == 0, run.stderr
    assert "no room for a frame ring of 42 MiB" in run.stdout


@pytest.mark.slow
def test_reader_that_dies_leaves_the_writer_whole(tmp_path: Path) -> None:
    writer, reader = ring(tmp_path, "a")
    feed(writer, "a", 0, CALIBRATING_FRAMES + 1)
    script = (
        "import os, signal, sys; from pathlib import Path; from edge_ai.ring.reader import RingReader\n"
        "reader = RingReader(Path(sys.argv[1]), ('a',)); reader.refresh()\n"
        "assert reader.take(*[(c, o.number) for c, o in reader.news()][0])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    died = subprocess.run([sys.executable, "-c", script, str(tmp_path / "c.ring")], cwd=ROOT, check=False)
    assert died.returncode == -9
    feed(writer, "a", 10, 5)
    [(_, offered)] = reader.news()
    assert reader.take("a", offered.number) is not None


def test_ring_takes_6_mib_for_each_camera() -> None:
    assert ring_bytes(8) - ring_bytes(7) <= 6 * 1024 * 1024
