"""Plays clips over and over through rules, as a camera's hour, faster than real time, and says what was told.

    python -m tests.edge_ai.long_clips [--seconds 3600] [--processes 2] [--rule fire-smoke|empty-spells] [--json] [CLIP ...]

Clips lie in ../shared/data/video; without names, all of CLIPS. Each clip goes through the preset fire-smoke: on house6, a fire, an event
must begin within 5 s of the first loop; on every other clip none may begin. The clips with spells in which nothing is to be seen, counted
by eye (tests/ground_truth), go through a zone rule with a real detector as well, which may begin no event in such a spell; where only the
lower part of the picture was counted, the zone is that part. One line each says PASS or FAIL with what was told, how much was played and
the wall time; with --json one object for all. Exit code 1 when one fails. Each loop begins a new generation, as for a camera that loops.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from multiprocessing import get_context

from edge_ai.picture import Pixels, Shot
from edge_ai.presets import preset_named
from edge_ai.sources.opening import open_source
from edge_ai.spec import CameraKind, CameraSpec, RuleKind, RuleSpec
from node.clock import SystemClock
from sync.model import Instant
from tests.edge_ai.record_detections import TRUTH
from tests.edge_ai.replay import DATA, pipeline_for

BURNING = "house6.mp4"
CLIPS = (BURNING, "vtest_pets2009_480x360.avi", "highway_640x360.mp4", "car-detection.mp4", "one-by-one-person-detection.mp4")
VEHICLES = ("car", "bus", "truck")
SPELLS = {
    "one-by-one-person-detection.mp4": ("fastestdet", "FastestDet.onnx", ("person",)),
    "car-detection.mp4": ("yolox-nano", "yolox_nano.onnx", VEHICLES),
    "highway_640x360.mp4": ("yolox-nano", "yolox_nano.onnx", VEHICLES),
}
"""Clips with counted spells of nothing: algorithm, its model, and the classes that were counted."""
FIRE_WITHIN_S = 5.0
BURNING_S = 60.0
"""Two loops of the fire are enough: what must come comes in the first one."""
NEAR_S = 0.5
"""What was counted in a frame holds this long before and after, and no longer than a quarter of the way to the next counted one."""
SPELL_FPS = 2.5
"""Analysed pictures a second where a spell is tried: as tests/edge_ai/test_ground_truth.py does."""
BOUND = 0.05
"""Below the line down from which things were counted: at the line itself one may stand on either side."""
TOLD_SHOWN = 5
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
FIRE, SPELL = "fire-smoke", "empty-spells"

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Told:
    """The beginning of an event."""

    at_s: float
    loop_s: float
    """Second within its loop."""
    what: str
    place: str


@dataclass(frozen=True, slots=True)
class Played:
    """What a clip told."""

    told: tuple[Told, ...]
    seconds: float
    loops: int
    analysed: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a clip told what it should."""

    clip: str
    rule: str
    expected: str
    holds: bool
    wrong: tuple[Told, ...]
    """Events that should not be, or of a fire those that are."""
    played: Played
    wall_s: float = field(default=0.0)

    def line(self) -> str:
        """For people."""
        said = ", ".join(f"{each.what} at {each.at_s:.1f} s in {each.place}" for each in self.wrong[:TOLD_SHOWN]) or "none"
        more = f" and {len(self.wrong) - TOLD_SHOWN} more" if len(self.wrong) > TOLD_SHOWN else ""
        played = self.played
        much = f"{played.seconds:.0f} s in {played.loops} loops, {played.analysed} analysed, {len(played.told)} events"
        much += f", wall {self.wall_s:.0f} s"
        return f"{'PASS' if self.holds else 'FAIL'} {self.clip} {self.rule}: {self.expected}: {said}{more}; {much}"


def play(camera: CameraSpec, seconds: float) -> Played:
    """What the camera's rules tell in so many seconds of its clip, looped."""
    pipeline, told, at_s, begun_s, loops = pipeline_for(camera), list[Told](), 0.0, 0.0, 0
    while begun_s < seconds:
        for at_s, pixels in _loop(camera, begun_s, seconds):
            shot = Shot(camera.id, pixels, Instant(round(at_s * 1e6)), round(at_s * 1e6), loops)
            rows = [message.row for message in pipeline.analyse(shot) if message.jpeg]
            told += [Told(round(at_s, 2), round(at_s - begun_s, 2), row.label, row.place) for row in rows]
        begun_s, loops = at_s + 1 / camera.analysed_fps, loops + 1
    return Played(tuple(told), round(begun_s, 1), loops, pipeline.counts.analysed)


def _loop(camera: CameraSpec, begun_s: float, until_s: float) -> Iterator[tuple[float, Pixels]]:
    """The pictures of one loop at the rate they are analysed at."""
    source, index, due_s = open_source(camera), 0, begun_s
    try:
        while (at_s := begun_s + index / source.fps) < until_s:
            index += 1
            if at_s < due_s - 1e-9:
                if not source.skip():
                    return
                continue
            pixels = source.read()
            if pixels is None:
                return
            due_s += 1 / camera.analysed_fps
            yield at_s, pixels
    finally:
        source.close()


def fire(clip: str, seconds: float) -> Verdict:
    """The preset fire-smoke over the whole picture."""
    preset = preset_named(FIRE)
    rule = RuleSpec(name=FIRE, kind=preset.kind, points=WHOLE, **preset.rule)  # type: ignore[arg-type]
    played = play(CameraSpec(id="c", kind=CameraKind.FILE, source=_path(clip), algorithm=FIRE, rules=(rule,)), seconds)
    if clip == BURNING:
        soon = tuple(each for each in played.told if each.at_s <= FIRE_WITHIN_S)
        return Verdict(clip, FIRE, f"an event within {FIRE_WITHIN_S:g} s", bool(soon), soon or played.told, played)
    return Verdict(clip, FIRE, "no event", not played.told, played.told, played)


def spell(clip: str, seconds: float) -> Verdict:
    """Nothing is told while there is nothing to be seen."""
    truth = json.loads((TRUTH / clip).with_suffix(".json").read_text("utf-8"))
    algorithm, model, classes = SPELLS[clip]
    top = truth["region_top"] + BOUND if "region_top" in truth else 0.0
    zone = ((0.0, top), (1.0, top), (1.0, 1.0), (0.0, 1.0))
    rule = RuleSpec(name=SPELL, kind=RuleKind.ZONE, points=zone, classes=classes)
    camera = CameraSpec(
        id="c", kind=CameraKind.FILE, source=_path(clip), algorithm=algorithm, model=str(DATA / "models" / model), rules=(rule,),
        analysed_fps=SPELL_FPS,
    )  # fmt: skip
    source = open_source(camera)
    spans = empty_spans(truth["counts"], source.fps)
    source.close()
    played = play(camera, seconds)
    wrong = tuple(each for each in played.told if any(begin <= each.loop_s <= end for begin, end in spans))
    expected = f"no event in {len(spans)} empty spells of {sum(end - begin for begin, end in spans):.0f} s a loop"
    return Verdict(clip, SPELL, expected, bool(spans) and not wrong, wrong, played)


def empty_spans(counts: Mapping[str, int], fps: float) -> list[Span]:
    """The seconds in which nothing is to be seen: counted frames without anything, in a row where no other lies between."""
    frames = sorted((int(frame), count) for frame, count in counts.items())
    step_s = (frames[1][0] - frames[0][0]) / fps
    near_s, spans, is_open = min(NEAR_S, step_s / 4), list[Span](), False
    for frame, count in frames:
        at_s = frame / fps
        if count == 0:
            spans.append((spans.pop()[0] if is_open else at_s - near_s, at_s + near_s))
        is_open = count == 0
    return spans


def _path(clip: str) -> str:
    return str(DATA / "video" / clip)


def judge(job: tuple[str, str, float]) -> Verdict:
    """One clip under one rule, with the wall time it took."""
    rule, clip, seconds = job
    clock = SystemClock()
    begun = clock.now()
    verdict = (fire if rule == FIRE else spell)(clip, seconds)
    return replace(verdict, wall_s=round(clock.now().seconds_since(begun), 1))


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge every clip; 1 when one fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", default=CLIPS)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rule", choices=(FIRE, SPELL))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(arguments)
    jobs = [
        (rule, clip, min(args.seconds, BURNING_S) if clip == BURNING else args.seconds)
        for clip in args.clips
        for rule in (FIRE, SPELL)
        if rule == FIRE or clip in SPELLS
    ]
    jobs = [job for job in jobs if args.rule in (None, job[0])]
    with ProcessPoolExecutor(args.processes, mp_context=get_context("spawn")) as pool:
        verdicts = []
        for verdict in pool.map(judge, jobs):
            verdicts.append(verdict)
            if not args.json:
                sys.stdout.write(verdict.line() + "\n")
                sys.stdout.flush()
    holds = bool(verdicts) and all(verdict.holds for verdict in verdicts)
    if args.json:
        sys.stdout.write(
            json.dumps({"holds": holds, "seconds": args.seconds, "clips": [asdict(each) for each in verdicts]}, indent=2) + "\n"
        )
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
