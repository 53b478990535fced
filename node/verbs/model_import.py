"""`yunnao model import`: one command from a third-party ONNX file, or another node's package, to a live algorithm."""

from __future__ import annotations

import argparse
import asyncio
import getpass
from pathlib import Path

from edge_ai.errors import AlgorithmError
from edge_ai.models.importing import LICENCE_BYTES_MAX, ImportOrder, Prepared, seen_in_words
from edge_ai.models.manifest import (
    CLASSES_MAX,
    IMPORTABLE,
    Activation,
    EvidenceGrade,
    Family,
    Fit,
    InputSpec,
    Manifest,
    PriorRow,
    Scope,
    Triple,
    fault_of,
)
from edge_ai.models.package import read_bounded
from edge_ai.models.standing import Standing
from node.algorithms.shelf import Shelf, told_as_refusal
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.texts.reasons import worded
from node.verb import UsageError
from node.verbs.actions import Actions
from node.verbs.output import print_json, print_line, print_table, talk

CLASSES_BYTES_MAX = 65_536
LOOK_S = 0.2
NAME_CHARS_MAX = 100
OVERLAP_MAX = {Family.NANODET: 0.6, Family.RFB_FACE: 0.3}
"""Where a family's usual value is not 0.45."""


def add_import_words(actions: Actions) -> None:
    """The word `import` with its options."""
    sub = actions.add("import")
    sub.add_argument("file", type=Path, metavar="FILE", help=actions.help("import_file"))
    sub.add_argument("--family", choices=[family.value for family in IMPORTABLE], help=actions.help("option_family"))
    sub.add_argument("--classes", metavar="FILE|A,B", help=actions.help("option_classes"))
    sub.add_argument("--golden", type=Path, nargs="+", default=[], metavar="PICTURE", help=actions.help("option_golden"))
    sub.add_argument("--licence", default="", metavar="NAME", help=actions.help("option_licence"))
    sub.add_argument("--licence-file", type=Path, metavar="FILE", help=actions.help("option_licence_file"))
    sub.add_argument("--id", default="", metavar="ID", help=actions.help("option_id"))
    sub.add_argument("--version", default="1", metavar="VERSION", help=actions.help("option_version"))
    sub.add_argument("--score-min", type=float, default=0.35, metavar="S", help=actions.help("option_score_min"))
    sub.add_argument("--overlap-max", type=float, metavar="S", help=actions.help("option_overlap_max"))
    sub.add_argument("--size", metavar="HEIGHTxWIDTH", help=actions.help("option_size"))
    sub.add_argument("--fit", choices=[fit.value for fit in Fit], help=actions.help("option_fit"))
    colours = sub.add_mutually_exclusive_group()
    colours.add_argument("--rgb", action="store_const", const=True, dest="rgb", help=actions.help("option_rgb"))
    colours.add_argument("--bgr", action="store_const", const=False, dest="rgb", help=actions.help("option_bgr"))
    sub.add_argument("--mean", metavar="A,B,C", help=actions.help("option_mean"))
    sub.add_argument("--divisor", metavar="A,B,C", help=actions.help("option_divisor"))
    sub.add_argument("--activation", choices=[one.value for one in Activation], help=actions.help("option_activation"))
    sub.add_argument("--priors", default="", metavar="8:10,16;16:32@0.5@2", help=actions.help("option_priors"))
    sub.add_argument("--field-tested", default="", metavar="TEXT", help=actions.help("option_field_tested"))
    sub.add_argument("--by", default="", metavar="NAME", help=actions.help("option_by"))
    when = sub.add_mutually_exclusive_group()
    when.add_argument("--now", action="store_true", help=actions.help("option_now"))
    when.add_argument("--keep", action="store_true", help=actions.help("option_keep"))
    sub.add_argument("--wait", type=float, default=0.0, metavar="S", help=actions.help("option_wait"))


def bring_in(args: argparse.Namespace, shelf: Shelf) -> int:
    """Import, then shadow or make live; 1 when --wait saw the new version refused."""
    if args.file.suffix == ".tar":
        id_, version, facts = _package(args, shelf)
    else:
        id_, version, facts = _model(args, shelf)
    state = _set_to_work(args, shelf, id_, version)
    if args.json:
        print_json({**facts, "id": id_, "version": version, "live": state.live, "shadow": state.shadow})
    elif state.shadow == version:
        print_line(text("model.shadowed", args.language, id=id_, version=version, live=state.live))
    elif state.live == version:
        key = "model.activated_watched" if state.watched else "model.activated"
        print_line(text(key, args.language, id=id_, version=version, previous=state.previous))
    else:
        print_line(text("model.kept", args.language, id=id_, version=version))
    return wait_for_swap(args, shelf, id_, version)


def person(args: argparse.Namespace) -> str:
    """Who does it, for the history and the audit log."""
    return str(args.by or getpass.getuser())[:NAME_CHARS_MAX]


def wait_for_swap(args: argparse.Namespace, shelf: Shelf, id_: str, version: str) -> int:
    """With --wait: until the shadow ended, and how; 1 when the version was refused, or the time ran out."""
    if not args.wait or shelf.library.state(id_).shadow != version:
        return EXIT_OK
    state = asyncio.run(_until_decided(shelf, id_, version, args.wait))
    if state.shadow == version:
        talk(text("model.still_in_shadow", args.language, id=id_, version=version, seconds=f"{args.wait:g}"))
        return EXIT_NEGATIVE
    said = state.history[-1]
    key, why = "ended_live" if state.live == version else "ended_refused", worded(said.why, args.language)
    talk(text(f"model.{key}", args.language, id=id_, version=version, why=why))
    return EXIT_OK if state.live == version else EXIT_NEGATIVE


async def _until_decided(shelf: Shelf, id_: str, version: str, wait_s: float) -> Standing:
    for _ in range(max(1, round(wait_s / LOOK_S))):
        if (state := shelf.library.state(id_)).shadow != version:
            return state
        await asyncio.sleep(LOOK_S)
    return shelf.library.state(id_)


def _set_to_work(args: argparse.Namespace, shelf: Shelf, id_: str, version: str) -> Standing:
    state = shelf.library.state(id_)
    if args.keep or state.live == version:
        return state
    if state.live and not args.now:
        return shelf.shadow(id_, version, by=person(args))
    return shelf.activate(id_, version, by=person(args))


def _model(args: argparse.Namespace, shelf: Shelf) -> tuple[str, str, dict[str, object]]:
    order = import_order(args)
    prepared = shelf.add_model(order, lambda step: talk(text(f"model.step_{step}", args.language)), by=person(args))
    if not args.json:
        _print_prepared(prepared, args)
    facts = {
        "content_sha256": prepared.card.content_sha256,
        "opset": prepared.graph.opset,
        "weights_taken_out": prepared.graph.weights_taken_out,
        "outputs": prepared.graph.outputs,
        "run_ms": prepared.golden.run_ms,
        "whole_ms": prepared.golden.whole_ms,
        "memory_mib": prepared.golden.memory_mib,
        "seen": prepared.golden.pictures,
    }
    return prepared.manifest.id, prepared.manifest.version, facts


def _print_prepared(prepared: Prepared, args: argparse.Namespace) -> None:
    graph, golden = prepared.graph, prepared.golden
    values = {"opset": graph.opset, "nodes": graph.nodes, "dropped": graph.weights_taken_out, "producer": graph.producer or "-"}
    print_line(text("model.normalised", args.language, **values))
    if prepared.as_found:
        talk(text("model.not_compared", args.language, why=prepared.as_found))
    rows = [(path.name, seen_in_words(seen)) for path, seen in zip(args.golden, golden.pictures.values(), strict=True)]
    print_table(text("model.golden_columns", args.language).split("|"), rows)
    print_line(text("model.measured", args.language, run=golden.run_ms, whole=golden.whole_ms, memory=golden.memory_mib))
    print_line(text("model.signed", args.language, content=prepared.card.content_sha256))
    talk(text("model.golden_travels", args.language))
    if "AGPL" in prepared.manifest.licence.upper():
        talk(text("model.agpl", args.language))


def _package(args: argparse.Namespace, shelf: Shelf) -> tuple[str, str, dict[str, object]]:
    card, tested, maker = shelf.add_parcel(args.file, lambda step: talk(text(f"model.step_{step}", args.language)), by=person(args))
    if not args.json:
        print_line(text("model.taken", args.language, id=card.id, version=card.version, maker=maker, ms=tested.facts.run_ms))
    return card.id, card.version, {"content_sha256": card.content_sha256, "made_by": maker, "run_ms": tested.facts.run_ms}


def import_order(args: argparse.Namespace) -> ImportOrder:
    """What the options say; raises UsageError, AlgorithmRefused."""
    for name, value in (("--family", args.family), ("--classes", args.classes), ("--golden", args.golden), ("--licence", args.licence)):
        if not value:
            raise UsageError(f"give {name}: a model file needs --family, --classes, --golden and --licence")
    if not 0 < args.score_min < 1 or not 0 < (args.overlap_max or 0.5) < 1:
        raise UsageError("--score-min and --overlap-max lie between 0 and 1")
    family = Family(args.family)
    usual = Activation.SOFTMAX if family is Family.CLASSIFIER else Activation.NONE
    with told_as_refusal():
        manifest = Manifest(
            id=args.id or _id_of(args.file),
            version=args.version,
            family=family,
            scope=Scope.FIELD,
            evidence_grade=EvidenceGrade.FIELD_TESTED if args.field_tested else EvidenceGrade.NONE,
            classes=_classes(args.classes),
            score_min=args.score_min,
            overlap_max=args.overlap_max or OVERLAP_MAX.get(family, 0.45),
            licence=args.licence,
            tested_on=args.field_tested,
            activation=Activation(args.activation) if args.activation else usual,
            input=InputSpec(fit=Fit(args.fit) if args.fit else None, rgb=args.rgb, mean=_triple(args.mean), divisor=_triple(args.divisor)),
            priors=_priors(args.priors),
        )
        if fault := fault_of(manifest):
            raise AlgorithmError(f"model refused: {fault}")
        licence = read_bounded(args.licence_file, LICENCE_BYTES_MAX) if args.licence_file else f"{args.licence}\n".encode()
    return ImportOrder(source=args.file, manifest=manifest, licence=licence, pictures=args.golden, size=_size(args.size))


def _id_of(path: Path) -> str:
    """`Yard Cars.onnx` as `yard-cars`; raises UsageError for a name without a letter or digit that an id may have."""
    made = "".join(char if char.isascii() and char.isalnum() else "-" for char in path.stem.lower()).strip("-")[:64]
    if not made:
        raise UsageError("give --id: the file's name has no letter or digit of a to z, 0 to 9 that an id could be made of")
    return made


def _classes(words: str) -> tuple[str, ...]:
    path = Path(words)
    lines = read_bounded(path, CLASSES_BYTES_MAX).decode("utf-8", "replace").splitlines() if path.is_file() else words.split(",")
    classes = tuple(line.strip() for line in lines if line.strip())
    if not 1 <= len(classes) <= CLASSES_MAX:
        raise UsageError(f"--classes names {len(classes)} classes: give 1 to {CLASSES_MAX}, one a line in a file, or with commas between")
    return classes


def _triple(words: str | None) -> Triple | None:
    if words is None:
        return None
    try:
        first, second, third = (float(part) for part in words.split(","))
    except ValueError:
        raise UsageError(f"{words!r} is not three numbers with commas between, such as 127,127,127") from None
    return (first, second, third)


def _size(words: str | None) -> tuple[int, int] | None:
    if words is None:
        return None
    try:
        height, width = (int(part) for part in words.lower().split("x"))
    except ValueError:
        raise UsageError(f"--size {words!r} is not HEIGHTxWIDTH, such as 416x416") from None
    return (height, width)


def _priors(words: str) -> tuple[PriorRow, ...]:
    """`8:10,16;16:32@0.5@2`: by stride the sizes of squares, and after @ further shapes, width by height."""
    rows = []
    for part in filter(None, words.split(";")):
        try:
            stride, _, shapes = part.partition(":")
            sizes, *ratios = shapes.split("@")
            rows.append(
                PriorRow(
                    stride=int(stride),
                    sizes=tuple(float(size) for size in sizes.split(",")),
                    ratios=tuple(float(ratio) for ratio in ratios),
                )
            )
        except ValueError:
            raise UsageError(f"--priors {part!r} is not STRIDE:SIZE,SIZE@RATIO, such as 8:10,16,24") from None
    return tuple(rows)
