"""`yunnao camera zone`: where in a picture a rule looks, without a mouse: a grid over a still, cells or corners, and a preview."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from edge_ai.looks.values import SHAPES_MAX, Look, Shape
from node.cameras.errors import CameraRefused
from node.cameras.grid import Points, line_of_cells, read_points, zone_of_cells
from node.cameras.listing import CameraList, held_list, spec_of
from node.cameras.looking import look
from node.cameras.zoning import with_rule, without_rule
from node.config.config import CONFIG_NAME
from node.config.model import CameraEntry, RuleEntry
from node.errors import EXIT_OK
from node.texts import text
from node.verb import UsageError
from node.verbs.actions import Actions
from node.verbs.camera_page import Noted, show_page
from node.verbs.folder import read_config
from node.verbs.output import print_json, print_line, talk

LOOK_S = 2.0
LINE_KINDS = frozenset({"line"})
"""Kinds of rules with two points that cells may name; others take --points."""


def add_zone_words(actions: Actions) -> None:
    """The word `zone` with its options."""
    words = actions.add("zone")
    words.add_argument("id", metavar="ID", help=actions.help("id"))
    words.add_argument("--rule", metavar="NAME", help=actions.help("option_rule"))
    words.add_argument("--kind", default="zone", help=actions.help("option_kind"))
    words.add_argument("--cells", metavar="B3-D5", help=actions.help("option_cells"))
    words.add_argument("--points", metavar="X,Y...", help=actions.help("option_points"))
    words.add_argument("--classes", default="", metavar="A,B", help=actions.help("option_classes"))
    words.add_argument("--drop", metavar="NAME", help=actions.help("option_drop"))
    words.add_argument("--out", type=Path, metavar="FILE", help=actions.help("option_marked"))
    words.add_argument("--no-picture", action="store_true", help=actions.help("option_no_picture"))
    words.add_argument("--page", type=int, nargs="?", const=0, metavar="PORT", help=actions.help("option_page"))


def set_zone(args: argparse.Namespace, noted: Noted, reloaded: Callable[[], str]) -> int:
    """Show the grid, or enter a rule and show it; the picture first, so that nothing changes where the camera shows none."""
    if args.page is not None:
        return show_page(args, noted, reloaded)
    listed = CameraList(read_config(args.dir))
    camera = listed.find(args.id)
    changed = _changed(args, camera)
    if changed != camera:
        listed.before(args.id)  # refused before anybody looks
    out = _out(args)
    if not args.no_picture:
        shapes = [_shape(rule) for rule in changed.rule if len(rule.points) >= 2][:SHAPES_MAX]
        spec = spec_of(listed.config, camera, listed.credentials)
        look(Look(camera=spec, seconds=LOOK_S, marked=str(out.resolve()), shapes=tuple(shapes), has_grid=True), args.language)
    is_new = changed != camera
    if is_new:
        changed = _entered(args, noted)
    return _say(args, changed, "" if args.no_picture else str(out), reloaded() if is_new else "")


def _entered(args: argparse.Namespace, noted: Noted) -> CameraEntry:
    """The camera as it is in the list from now on: with what others changed while its picture was looked at."""
    with held_list(args.dir / CONFIG_NAME, "camera zone") as listed:
        changed = _changed(args, listed.find(args.id))
        listed.put(changed, None)
        listed.check([changed])
        with noted(listed, "zone", [args.id]):
            listed.save()
    return changed


def _changed(args: argparse.Namespace, camera: CameraEntry) -> CameraEntry:
    """The camera with the rule that the options say. Raises CameraRefused, UsageError."""
    if args.drop is not None:
        return without_rule(camera, args.drop)
    if args.rule is None:
        if args.cells or args.points:
            raise UsageError("--cells and --points belong to a rule: name it with --rule")
        return camera
    return with_rule(camera, args.rule, args.kind, _points(args), [word for word in args.classes.split(",") if word])


def _points(args: argparse.Namespace) -> Points:
    if bool(args.cells) == bool(args.points):
        raise UsageError("give --cells or --points, one of them")
    if args.points:
        return read_points(args.points)
    return line_of_cells(args.cells) if args.kind in LINE_KINDS else zone_of_cells(args.cells)


def _shape(rule: RuleEntry) -> Shape:
    return Shape(name=rule.name[:64], points=tuple((x, y) for x, y in rule.points), is_line=len(rule.points) == 2)


def _out(args: argparse.Namespace) -> Path:
    out: Path = args.out or Path(f"{args.id}-zones.jpg")
    if out.suffix.lower() not in (".jpg", ".jpeg"):
        raise UsageError(f"--out {out} refused: name a file that ends in .jpg")
    if not out.resolve().parent.is_dir():
        raise CameraRefused(f"{out.parent} is no folder: make it first")
    return out


def _say(args: argparse.Namespace, camera: CameraEntry, picture: str, taken: str) -> int:
    rules = [{"name": rule.name, "kind": rule.kind, "points": rule.points} for rule in camera.rule]
    if args.json:
        print_json({"camera": camera.id, "rules": rules, "picture": picture, "taken": taken})
        return EXIT_OK
    for rule in camera.rule:
        points = " ".join(f"{x:g},{y:g}" for x, y in rule.points)
        print_line(text("camera.rule_line", args.language, name=rule.name, kind=rule.kind or "-", points=points))
    if picture:
        print_line(text("camera.zones_drawn", args.language, picture=picture))
    if taken:
        talk(text(f"camera.taken_{taken}", args.language))
    return EXIT_OK
