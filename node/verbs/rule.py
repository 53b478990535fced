"""`yunnao rule`: a camera's rule tried on a clip before it is trusted, and the presets there are, without a running node; and of one that
runs, how often its rules were right.

Pictures are read and analysed in this process, which loads OpenCV only when a clip is played.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from edge_ai.errors import EdgeError
from edge_ai.models.library import Library
from edge_ai.models.manifest import WEIGHTLESS
from edge_ai.presets import Preset, preset_named, presets
from edge_ai.rule_spec import RuleKind, RuleSpec
from edge_ai.spec import CameraKind, CameraSpec
from node.algorithms.grading import manifest_of
from node.algorithms.shelf import FOLDER
from node.cameras.errors import CameraRefused
from node.cameras.rule_entries import ground_spec, rule_spec
from node.clock import SystemClock
from node.config.config import NodeConfig
from node.config.model import CameraEntry, RuleEntry
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.texts.reasons import worded
from node.verb import UsageError, Verb
from node.verbs import rule_change, rule_verdicts
from node.verbs.actions import Actions
from node.verbs.folder import read_config
from node.verbs.output import print_json, print_line, print_table, talk

if TYPE_CHECKING:
    from edge_ai.looks.trial import Trial

WHOLE = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
MIDDLE = [(0.5, 0.0), (0.5, 1.0)]
"""Where a preset is tried that no camera has placed yet."""
PLAIN = ("motion-object", "fire-smoke", "still-object")
"""Algorithms that need no model file of the site's own."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words after the verb."""
    actions = Actions(parser, "rule")
    actions.add("presets")
    tried = actions.add("try")
    tried.add_argument("rule", metavar="RULE", help=actions.help("rule"))
    tried.add_argument("--clip", type=Path, required=True, metavar="FILE", help=actions.help("option_clip"))
    tried.add_argument("--camera", metavar="ID", help=actions.help("option_camera"))
    tried.add_argument("--algorithm", metavar="NAME", help=actions.help("option_algorithm"))
    tried.add_argument("--model", type=Path, metavar="FILE", help=actions.help("option_model"))
    tried.add_argument("--out", type=Path, default=Path("rule-try"), metavar="FOLDER", help=actions.help("option_out"))
    rule_verdicts.add_arguments(actions)
    rule_change.add_arguments(actions)


def run(args: argparse.Namespace) -> int:
    """Do what the word after the verb says."""
    return ACTIONS[args.action](args)


def _presets(args: argparse.Namespace) -> int:
    found = list(presets().values())
    if args.json:
        print_json([{"name": each.name, "kind": each.kind.value, "algorithms": each.algorithms, "proved": each.proved} for each in found])
        return EXIT_OK
    rows = [[each.name, each.kind.value, each.severity or "-", ", ".join(each.algorithms), each.proved] for each in found]
    print_table(text("rule.preset_columns", args.language).split("|"), rows)
    return EXIT_OK


def _try(args: argparse.Namespace) -> int:
    camera, rule = _asked(args)
    from edge_ai.looks.trial import try_rule

    try:
        trial = try_rule(camera, rule, args.out, wall_us=SystemClock().wall_us(), algorithms_dir=str(args.dir / FOLDER))
    except EdgeError as error:
        raise CameraRefused(worded(error.told, args.language)) from error
    if args.json:
        print_json({"rule": rule.name, "clip": str(args.clip), "folder": str(args.out), **asdict(trial)})
    else:
        _show(args, trial)
    return EXIT_OK if any(not event.ended for event in trial.events) else EXIT_NEGATIVE


def _show(args: argparse.Namespace, trial: Trial) -> None:
    rows = [
        [f"{event.at_s:.2f}", text("rule.end" if event.ended else "rule.begin", args.language), event.place, event.label,
         f"{event.score:.2f}", event.picture or "-"]
        for event in trial.events
    ]  # fmt: skip
    print_table(text("rule.columns", args.language).split("|"), rows)
    told = sum(not event.ended for event in trial.events)
    print_line(text("rule.told", args.language, count=told, seconds=f"{trial.seconds:.1f}", analysed=trial.analysed, folder=args.out))
    if trial.rungs:
        print_table(
            text("rule.rung_columns", args.language).split("|"), [[rung.key, f"{rung.value:g}", rung.events] for rung in trial.rungs]
        )
    if trial.ending:
        talk(worded(trial.ending, args.language))


def _asked(args: argparse.Namespace) -> tuple[CameraSpec, RuleSpec]:
    """The camera with the clip in place of its source, and the rule."""
    if not args.clip.is_file():
        raise UsageError(f"clip {args.clip} is not a file: name one video file")
    config = read_config(args.dir) if (args.dir / "node.toml").is_file() else None
    entry, camera = _found(args, config)
    try:
        if entry is None:
            entry, camera = _from_preset(args, preset_named(args.rule), camera)
        assert camera is not None
        _check_model(args, args.algorithm or camera.algorithm)
        spec = CameraSpec(
            id=camera.id,
            kind=CameraKind.RENDERED if camera.kind == "rendered" else CameraKind.FILE,
            source=str(args.clip),
            algorithm=args.algorithm or camera.algorithm,
            model=str(args.model or camera.model),
            analysed_fps=camera.analysed_fps,
            ground=ground_spec(camera.ground),
            utc_offset_minutes=camera.utc_offset_minutes,
        )
        return spec, rule_spec(entry)
    except EdgeError as error:
        raise UsageError(str(error)) from error


def _check_model(args: argparse.Namespace, algorithm: str) -> None:
    """Refuse a model file that nothing would load."""
    manifest = manifest_of(algorithm, Library(args.dir / FOLDER))
    if args.model and manifest is not None and manifest.family in WEIGHTLESS:
        raise UsageError(f"--model {args.model} refused: algorithm {algorithm} takes none; leave it out, or name another with --algorithm")


def _found(args: argparse.Namespace, config: NodeConfig | None) -> tuple[RuleEntry | None, CameraEntry | None]:
    """The rule of that name with its camera; the camera alone when it has no such rule."""
    cameras = [camera for camera in config.cameras if args.camera in (None, camera.id)] if config is not None else []
    if args.camera is not None and not cameras:
        raise UsageError(f"camera {args.camera!r} is not in {args.dir}: `yunnao camera list` names those that are")
    found = [(rule, camera) for camera in cameras for rule in camera.rule if rule.name == args.rule]
    if len(found) > 1:
        raise UsageError(f"rule {args.rule!r} stands at cameras {', '.join(camera.id for _, camera in found)}: choose with --camera")
    if found:
        return found[0]
    if args.rule not in presets():
        known = sorted({rule.name for camera in cameras for rule in camera.rule} | set(presets()))
        raise UsageError(f"rule {args.rule!r} is neither a camera's nor a preset: there are {', '.join(known)}")
    return None, cameras[0] if args.camera is not None else None


def _from_preset(args: argparse.Namespace, preset: Preset, camera: CameraEntry | None) -> tuple[RuleEntry, CameraEntry]:
    """A preset over the whole picture, at the camera that was named or at none."""
    if preset.kind is RuleKind.LEVEL:
        raise UsageError(f"preset {preset.name} needs the two points of the gauge: give a camera a rule with it, then try that rule")
    entry = RuleEntry(name=preset.name, preset=preset.name, points=MIDDLE if preset.kind.has_two_points else WHOLE)
    if camera is not None:
        return entry, camera
    plain = [name for name in preset.algorithms if name in PLAIN]
    if not plain and not args.algorithm:
        raise UsageError(f"preset {preset.name} needs a model: name --algorithm ({', '.join(preset.algorithms)}) and --model, or --camera")
    return entry, CameraEntry(id="trial", kind="file", source=str(args.clip), algorithm=args.algorithm or plain[0])


ACTIONS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "presets": _presets,
    "try": _try,
    "verdicts": rule_verdicts.run,
    "change": rule_change.run,
}
VERB = Verb("rule", "cli.help_rule", add_arguments, run)
