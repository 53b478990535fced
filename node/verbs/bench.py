"""`yunnao bench ai`: what this box can analyse, kept beside node.toml, and whether its cameras fit."""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from edge_ai.looks.capacity import LOAD_SHARE_MAX, Admission, Excess, Measured, admit
from node.cameras.admission import MEASUREMENT, measure_box
from node.cameras.listing import camera_specs
from node.config.config import CONFIG_NAME, load_config
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.texts.reasons import worded
from node.verb import UsageError, Verb
from node.verbs.actions import Actions
from node.verbs.output import print_json, print_line, print_table, talk


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-verbs."""
    actions = Actions(parser, "bench")
    actions.add("ai").add_argument("--clip", type=Path, metavar="FILE", help=actions.help("option_clip"))


def run(args: argparse.Namespace) -> int:
    """Measure and say what fits; 1 when cameras have no room or run slower than asked."""
    if args.clip is not None and not args.clip.is_file():
        raise UsageError(f"clip {args.clip} is no file: name one video of the site")
    config = load_config(args.dir / CONFIG_NAME)
    cameras = camera_specs(config)
    measured, unmeasured = measure_box(config, cameras, args.clip)
    for why in unmeasured:
        talk(text("bench.unmeasured", args.language, why=worded(why, args.language)))
    admission = admit(cameras, measured, Excess(config.file.edge.over_capacity))
    if args.json:
        print_json({"measured": msgspec.to_builtins(measured), "admission": _plain(admission, measured)})
    else:
        _print(measured, admission, config.folder / MEASUREMENT, args.language)
    return EXIT_NEGATIVE if admission.refused or admission.slowed else EXIT_OK


def _plain(admission: Admission, measured: Measured) -> dict[str, object]:
    return {
        "capacity_ms": measured.capacity_ms,
        "asked_ms": admission.asked_ms,
        "granted_ms": admission.granted_ms,
        "refused": admission.refused,
        "slowed": admission.slowed,
    }


def _print(measured: Measured, admission: Admission, path: Path, language: str) -> None:
    stages = ("decode", "convert", "gate", "copy", "handle")
    rows = [(text(f"bench.{stage}", language), f"{getattr(measured, f'{stage}_ms'):.2f}") for stage in stages]
    rows += [
        (text("bench.algorithm", language, name=name, run=cost.run_ms), f"{cost.detect_ms:.2f}")
        for name, cost in sorted(measured.algorithms.items())
    ]
    print_table(text("bench.columns", language).split("|"), rows)
    print_line(text("bench.form", language, clip=measured.clip, path=path))
    facts = {"capacity": measured.capacity_ms, "cores": measured.cores, "asked": admission.asked_ms, "share": f"{LOAD_SHARE_MAX:.0%}"}
    print_line(text("bench.capacity", language, **facts))
    for key, words in (("refused", admission.refused), ("slowed", admission.slowed)):
        if words:
            print_line(text(f"bench.{key}", language, count=len(words)))
            for why in words.values():
                print_line(worded(why, language))


VERB = Verb("bench", "cli.help_bench", add_arguments, run)
