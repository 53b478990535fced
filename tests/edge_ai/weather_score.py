"""Plays rendered weather through gate, motion-object and a zone rule over the whole picture, and says what was told of it.

    python -m tests.edge_ai.weather_score [--seeds 100-119] [--weather night,snow] [--mild] [--seconds 60] [--processes 1]

Each weather is played once for each seed with somebody who walks through, from picture 30 on until nothing of him is left, and once for
so many seconds with nobody. One line for each weather: in how many walks an event lay on who walked, and in how many of them not later
than 2 s after he was whole in the picture; in which share of the pictures that show him whole a box lay on him, and in those alone where
a beam does; false events an hour with nobody, and beside him. Called by tests/edge_ai/capture/test_weather.py.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from edge_ai.analysis.pipeline import CameraPipeline
from edge_ai.picture import Shot
from edge_ai.spec import CameraKind, CameraSpec, RuleKind, RuleSpec
from sync.model import Instant
from tests.edge_ai.replay import pipeline_for
from tests.edge_ai.weather import FPS, HEIGHT, WIDTH, Scene, Walker, Weather, Yard, hard, mild

WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
WALKS_FROM = 30
"""Picture of the first step: the gate and the background have settled."""
SOON_S = 2.0
EVIDENCE_BACK = 3
"""Pictures by which the picture that an event shows may be older than the event."""
LIT_MIN = 0.5
"""Times the light of day that a beam adds where somebody counts as lit."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Shown:
    """What one picture led to: boxes in pixels."""

    number: int
    tracked: tuple[Box, ...]
    told: tuple[Box, ...]
    """Of the events that begin."""


@dataclass(frozen=True, slots=True)
class Walk:
    """What was told of somebody's walk."""

    told: bool
    soon: bool
    seen: tuple[int, int]
    """Pictures with a box on him, of those that show him whole."""
    lit: tuple[int, int]
    """The same where a beam lights him."""
    wrong: int
    """Events elsewhere."""
    seconds: float


def played(scene: Scene, seed: int, pictures: int, *, person_since: int | None = None) -> Iterator[Shown]:
    """Every picture of a scene through the production pipeline."""
    pipeline, yard = _pipeline(), Yard(scene, seed)
    for number in range(pictures):
        at_us = round(number * 1e6 / FPS)
        shot = Shot("c", yard.picture(number, person_since=person_since), Instant(at_us), at_us, 0)
        analysed = pipeline.counts.analysed
        begun = [message.row.overlays[0].box for message in pipeline.analyse(shot) if message.jpeg]
        tracked = [track.box for track in pipeline.tracks] if pipeline.counts.analysed > analysed else []
        told = [(left * WIDTH, top * HEIGHT, right * WIDTH, bottom * HEIGHT) for left, top, right, bottom in begun]
        yield Shown(number, tuple(tracked), tuple(told))


def _pipeline() -> CameraPipeline:
    rule = RuleSpec(name="yard", kind=RuleKind.ZONE, points=WHOLE)
    return pipeline_for(CameraSpec(id="c", kind=CameraKind.FILE, source="", algorithm="motion-object", rules=(rule,)))


def is_on(walker: Walker, steps: int, box: Box) -> bool:
    """Whether the middle of a box lies on who walks, or the middle of who walks in it and it is no larger than four of him."""
    x1, y1, x2, y2 = walker.box(steps)
    left, top, right, bottom = box
    x, y = (left + right) / 2, (top + bottom) / 2
    holds = left <= (x1 + x2) / 2 <= right and top <= (y1 + y2) / 2 <= bottom
    return (holds and right - left <= 4 * (x2 - x1)) or (x1 <= x <= x2 and y1 <= y <= y2)


def walk(scene: Scene, seed: int, *, pictures: int | None = None) -> Walk:
    """Somebody walks through, until he is gone or for so many pictures in all."""
    walker = scene.walker
    steps = next(number for number in range(10, 999) if walker.box(number)[0] > WIDTH or walker.box(number)[2] < 0)
    steps = steps if pictures is None else min(steps, pictures - WALKS_FROM)
    whole_from = next(number for number in range(steps) if walker.is_whole(number))
    whole, lit, right, wrong = list[bool](), list[bool](), list[int](), 0
    for shown in played(scene, seed, WALKS_FROM + steps, person_since=WALKS_FROM):
        at = shown.number - WALKS_FROM
        on = [any(is_on(walker, at - back, box) for back in range(EVIDENCE_BACK + 1)) for box in shown.told]
        right, wrong = right + [at] * any(on), wrong + on.count(False)
        if at >= 0 and walker.is_whole(at):
            whole.append(any(is_on(walker, at, box) for box in shown.tracked))
            lit += whole[-1:] if _is_lit(scene, shown.number, at) else []
    soon = bool(right) and right[0] <= whole_from + SOON_S * FPS
    return Walk(bool(right), soon, (sum(whole), len(whole)), (sum(lit), len(lit)), wrong, (WALKS_FROM + steps) / FPS)


def _is_lit(scene: Scene, number: int, steps: int) -> bool:
    if scene.beam is None:
        return False
    x1, y1, x2, y2 = scene.walker.box(steps)
    return float(scene.beam.gain(number)[int(y1 + y2) // 2, int(x1 + x2) // 2]) >= LIT_MIN


def alone(scene: Scene, seed: int, seconds: float) -> int:
    """Events of the weather itself."""
    return sum(len(shown.told) for shown in played(scene, seed, round(seconds * FPS)))


def _score(job: tuple[Weather, int, bool, float]) -> tuple[Walk, int]:
    weather, seed, is_mild, seconds = job
    scene = mild(weather) if is_mild else hard(weather, seed)
    return walk(scene, seed), alone(scene, seed, seconds)


def line(weather: Weather, walks: Sequence[Walk], wrong: Sequence[int], seconds: float) -> str:
    """For people."""
    told, soon = sum(each.told for each in walks), sum(each.soon for each in walks)
    seen, lit = ([sum(column) for column in zip(*pairs, strict=True)] for pairs in ([w.seen for w in walks], [w.lit for w in walks]))
    in_beam = f", lit {lit[0]} of {lit[1]}" if lit[1] else ""
    hourly = sum(wrong) * 3600 / (len(wrong) * seconds)
    beside = sum(each.wrong for each in walks) * 3600 / sum(each.seconds for each in walks)
    return (
        f"{weather.value}: {told} of {len(walks)} walks told, {soon} soon; in {seen[0]} of {seen[1]} pictures{in_beam}; "
        f"false events an hour: {hourly:.0f} with nobody ({sum(wrong)} in {len(wrong) * seconds / 60:.0f} min), {beside:.0f} beside him"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each weather."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="100-119")
    parser.add_argument("--weather", default=",".join(weather.value for weather in Weather))
    parser.add_argument("--mild", action="store_true", help="the fixed scene of each weather, with other grounds and noise for each seed")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--processes", type=int, default=1)
    args = parser.parse_args(arguments)
    first, _, last = args.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    with ProcessPoolExecutor(args.processes, mp_context=get_context("spawn")) as pool:
        for weather in map(Weather, args.weather.split(",")):
            scores = list(pool.map(_score, [(weather, seed, args.mild, args.seconds) for seed in seeds]))
            sys.stdout.write(line(weather, [each for each, _ in scores], [wrong for _, wrong in scores], args.seconds) + "\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
