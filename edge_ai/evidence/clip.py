"""A clip as it may leave its node: masked pictures with who asked burnt in, as Motion JPEG: `python -m edge_ai.evidence.clip FILE`.

Reads what to do as JSON from stdin, writes the film to stdout. A process of its own: it decodes what a camera sent, and takes seconds that
no analysis has. Owns which boxes mask which picture: those of the analysed pictures around it, where two are close enough together, and
else the whole picture is coarse. Started by node/evidence/stamping.py.
"""

from __future__ import annotations

import argparse
import sys
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import msgspec
import numpy as np

from edge_ai.errors import EdgeError, EvidenceError
from edge_ai.evidence.avi import avi_of
from edge_ai.evidence.box_track import SeenAt, TrackFile, read_track
from edge_ai.evidence.masking import Masking, masked_boxes, mosaic
from edge_ai.evidence.watermark import EXIT_REFUSED, Watermark
from edge_ai.picture import Detections, Pixels
from edge_ai.sources.files import open_clip
from edge_ai.wire.clips import CLIP_BYTES_MAX, ClipTask

FPS = 5.0
"""Pictures a second of a film: as many as are analysed."""
WIDTH_MAX = 640
"""Wider pictures are made smaller: a film of half a minute has to fit CLIP_BYTES_MAX."""
PICTURES_MAX = 200
"""Half a minute, and what lies between the begin and the key picture before it."""
PICTURE_BYTES_MAX = CLIP_BYTES_MAX // PICTURES_MAX - 64
QUALITIES = (80, 60, 40, 20)
"""Tried until a picture has its room."""
GAP_S = 0.4
"""Seconds between two analysed pictures up to which what is between them is known: at 50 km/h a car moves less than twice its length."""
AROUND_S = 0.4
"""Seconds around a picture from which boxes are taken: clocks of stream and analysis differ by what decoding takes."""
FRAMES_DECODED_MAX = 10_000
TASK_BYTES_MAX = 4 << 20


@dataclass(frozen=True, slots=True)
class ClipMask:
    """What of a picture at a time nobody may see."""

    track: TrackFile | None
    whole: bool

    def masked(self, pixels: Pixels, at_us: float) -> Pixels:
        """`pixels` as they may leave."""
        if self.track is not None and self.track.masking is Masking.NONE and not self.whole:
            return pixels
        near = [] if self.track is None or self.whole or self.track.masking is not Masking.BOXES else _around(self.track.frames, at_us)
        if not near or self.track is None:
            return mosaic(pixels)
        height, width = pixels.shape[:2]
        return masked_boxes(pixels, [_detections(frame, width, height) for frame in near], self.track.classes)


def _around(frames: Sequence[SeenAt], at_us: float) -> Sequence[SeenAt]:
    """The analysed pictures around a time; none where it lies in no short gap between two of them, or where one of them is crowded."""
    times = [frame.at_us for frame in frames]
    after = bisect_left(times, at_us)
    if not 0 < after < len(times) or times[after] - times[after - 1] > GAP_S * 1e6:
        return ()
    near = [frame for frame in frames if abs(frame.at_us - at_us) <= AROUND_S * 1e6]
    return () if any(frame.is_crowded for frame in near) else near


def _detections(frame: SeenAt, width: int, height: int) -> Detections:
    boxes = np.array([box[1:] for box in frame.boxes], np.float32).reshape(-1, 4) * np.array([width, height, width, height], np.float32)
    return Detections(boxes, np.ones(len(frame.boxes), np.float32), np.array([box[0] for box in frame.boxes], np.int64))


def film(path: Path, task: ClipTask) -> bytes:
    """The clip at `path`, masked and stamped, as Motion JPEG. Raises EdgeError."""
    track = read_track(task.boxes) if task.boxes else None
    if track is not None and any(not 0 <= box[0] < len(track.classes) for frame in track.frames for box in frame.boxes):
        track = None
    mask = ClipMask(track, task.whole)
    stamp: Watermark | None = None
    size, height = (0, 0), 0
    jpegs: list[bytes] = []
    for at_s, pixels in _pictures(path):
        if stamp is None:
            size = _size_for(pixels)
            stamp = Watermark(*size, task.text)
        masked = cv2.resize(mask.masked(pixels, task.began_us + at_s * 1e6), size, interpolation=cv2.INTER_AREA)
        stamped = stamp.over(np.asarray(masked, np.uint8))
        height = stamped.shape[0]
        jpegs.append(_coded(stamped))
    if not jpegs:
        raise EvidenceError("no picture of the clip can be decoded")
    return avi_of(jpegs, width=size[0], height=height, fps=FPS)


def _pictures(path: Path) -> Iterator[tuple[float, Pixels]]:
    """Pictures of the clip, FPS a second, with their seconds from its begin."""
    source = open_clip(path)
    try:
        due_s = 0.0
        for _ in range(FRAMES_DECODED_MAX):
            pixels, at_s = source.read(), source.at_s
            if pixels is None:
                return
            if at_s < due_s:
                continue
            yield at_s, pixels
            due_s += 1 / FPS
            if due_s >= PICTURES_MAX / FPS:
                return
    finally:
        source.close()


def _size_for(pixels: Pixels) -> tuple[int, int]:
    """Width and height of the film, both even."""
    height, width = pixels.shape[:2]
    factor = min(1.0, WIDTH_MAX / width)
    return max(2, round(width * factor / 2) * 2), max(2, round(height * factor / 2) * 2)


def _coded(pixels: Pixels) -> bytes:
    """A picture of the film, as good as its room allows."""
    for quality in QUALITIES:
        made, coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if made and coded.nbytes <= PICTURE_BYTES_MAX:
            return coded.tobytes()
    raise EvidenceError(f"no jpeg of at most {PICTURE_BYTES_MAX} bytes from a picture of {pixels.shape[1]}x{pixels.shape[0]}")


def main() -> int:
    """Make one film; 2 when the clip gives none."""
    parser = argparse.ArgumentParser(prog="edge_ai.evidence.clip", description="makes the copy of a clip that may leave its node")
    parser.add_argument("file", type=Path)
    cv2.setNumThreads(1)
    try:
        task = msgspec.json.decode(sys.stdin.buffer.read(TASK_BYTES_MAX), type=ClipTask)
        sys.stdout.buffer.write(film(parser.parse_args().file, task))
    except (EdgeError, msgspec.MsgspecError) as error:
        sys.stderr.write(f"clip: {error}\n")
        return EXIT_REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())
