"""`yunnao model`: the algorithms of this node. Bring a third-party model in, test it, make it live, go back, hand it on.

Works on the node's folder and needs no running node; one that runs follows within a second, between two pictures.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from edge_ai.errors import EdgeError
from edge_ai.models.standing import Held
from node.algorithms.errors import AlgorithmRefused
from node.algorithms.news import Heard, HeardBook, unheld
from node.algorithms.shelf import Shelf, told_as_refusal
from node.client import NodeClient
from node.clock import SystemClock
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.texts.reasons import worded
from node.verb import Verb
from node.verbs.actions import Actions
from node.verbs.folder import read_config
from node.verbs.model_import import add_import_words, bring_in, person, wait_for_swap
from node.verbs.model_tree import TREE_ACTIONS, add_tree_words
from node.verbs.output import moment_text, print_json, print_line, print_table, talk


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-verbs."""
    actions = Actions(parser, "model")
    actions.add("list")
    add_import_words(actions)
    add_tree_words(actions)
    for word in ("show", "test", "shadow", "activate", "rollback", "remove", "export"):
        sub = actions.add(word)
        sub.add_argument("id", metavar="ID", help=actions.help("id"))
        if word not in ("show", "rollback"):
            sub.add_argument("version", metavar="VERSION", help=actions.help("version"))
        if word in ("activate", "rollback"):
            sub.add_argument("--why", default="", metavar="TEXT", help=actions.help("option_why"))
        if word in ("shadow", "activate", "rollback", "remove", "export"):
            sub.add_argument("--by", default="", metavar="NAME", help=actions.help("option_by"))
        if word == "activate":
            sub.add_argument("--unwatched", action="store_true", help=actions.help("option_unwatched"))
        if word == "shadow":
            sub.add_argument("--wait", type=float, default=0.0, metavar="S", help=actions.help("option_wait"))
        if word == "remove":
            sub.add_argument("--live", action="store_true", help=actions.help("option_live"))
        if word == "export":
            sub.add_argument("file", type=Path, metavar="FILE", help=actions.help("file"))


def run(args: argparse.Namespace) -> int:
    """Do what the sub-verb says."""
    if args.action in TREE_ACTIONS:
        return TREE_ACTIONS[args.action](args, NodeClient(args.dir))
    try:
        return ACTIONS[args.action](args, Shelf(read_config(args.dir), SystemClock()))
    except AlgorithmRefused as error:
        if isinstance(error.__cause__, EdgeError):
            raise AlgorithmRefused(worded(error.__cause__.told, args.language)) from error
        raise


def _list(args: argparse.Namespace, shelf: Shelf) -> int:
    with told_as_refusal():
        rows = [row for held in shelf.library.held() for row in _rows(held, shelf)]
        refused = shelf.library.refusals()
        offered = [_offered(one) for one in unheld(shelf.library, HeardBook(shelf.library.root).heard)]
    if args.json:
        print_json({"models": rows, "offered": offered, "refused": refused})
    elif rows or offered:
        keys = ("id", "version", "state", "family", "classes", "evidence_grade", "run_ms", "made_by")
        shown = [[_cell(row, key, args.language) for key in keys] for row in (*rows, *offered)]
        print_table(text("model.columns", args.language).split("|"), shown)
    else:
        talk(text("model.none", args.language))
    if refused.count and not args.json:
        last = refused.newest[-1]
        talk(text("model.files_refused", args.language, count=refused.count, name=last.version, why=worded(last.why, args.language)))
    return EXIT_OK


def _offered(heard: Heard) -> dict[str, object]:
    """A package that a node above has and this one has not, beside those that are here."""
    package = heard.told.offer.package
    return {
        "id": package.id,
        "version": package.version,
        "state": "offered",
        "family": package.family,
        "classes": package.classes,
        "evidence_grade": package.evidence_grade,
        "licence": package.licence,
        "content": package.content,
        "made_by": package.maker,
        "at": heard.told.at,
        "heard_us": heard.at_us,
    }


def _rows(held: Held, shelf: Shelf) -> list[dict[str, object]]:
    return [_row(held, version, shelf) for version in held.versions]


def _row(held: Held, version: str, shelf: Shelf) -> dict[str, object]:
    manifest, state = shelf.library.manifest(held.id, version), held.state
    roles = {state.previous: "previous", state.shadow: "shadow", state.live: "watched" if state.watched else "live"}
    try:
        maker = shelf.maker(held.id, version)
    except AlgorithmRefused as error:
        maker = str(error)
    return {
        "id": held.id,
        "version": version,
        "state": roles.get(version, "kept"),
        "family": manifest.family.value,
        "classes": len(manifest.classes),
        "evidence_grade": manifest.evidence_grade.value,
        "run_ms": manifest.measured.get("golden-run-ms"),
        "licence": manifest.licence,
        "sha256": manifest.sha256,
        "made_by": maker,
    }


def _cell(row: dict[str, object], key: str, language: str) -> object:
    return text(f"model.state_{row[key]}", language) if key == "state" else row.get(key)


def _show(args: argparse.Namespace, shelf: Shelf) -> int:
    with told_as_refusal():
        versions, state = shelf.library.versions(args.id), shelf.library.state(args.id)
        if not versions:
            raise AlgorithmRefused(f"algorithm {args.id} is not here: `yunnao model list` shows what is")
        rows = _rows(Held(args.id, versions, state), shelf)
        manifests = {version: shelf.library.manifest(args.id, version) for version in versions}
    history = [{"at_us": one.at_us, "what": one.what, "version": one.version, "why": one.why, "by": one.by} for one in state.history]
    if args.json:
        print_json({"versions": rows, "measured": {key: one.measured for key, one in manifests.items()}, "history": history})
        return EXIT_OK
    for row, manifest in zip(rows, manifests.values(), strict=True):
        facts = {**row, "state": _cell(row, "state", args.language), "classes": ", ".join(manifest.classes), **manifest.measured}
        shown = [(key, value) for key, value in facts.items() if value not in (None, "")]
        print_table(text("model.show_columns", args.language).split("|"), shown)
        print_line("")
    lines = [
        (moment_text(one.at_us), text(f"model.did_{one.what}", args.language), one.version, one.by, worded(one.why, args.language))
        for one in state.history
    ]
    print_table(text("model.history_columns", args.language).split("|"), lines)
    return EXIT_OK


def _test(args: argparse.Namespace, shelf: Shelf) -> int:
    tested = shelf.test(args.id, args.version)
    if args.json:
        print_json({"run_ms": tested.facts.run_ms, "whole_ms": tested.facts.whole_ms, "differences": tested.differences})
    else:
        for words in tested.differences:
            print_line(words)
        key = "model.test_differs" if tested.differences else "model.test_holds"
        talk(text(key, args.language, id=args.id, version=args.version, ms=f"{tested.facts.run_ms:.1f}"))
    return EXIT_NEGATIVE if tested.differences else EXIT_OK


def _activate(args: argparse.Namespace, shelf: Shelf) -> int:
    state = shelf.activate(args.id, args.version, by=person(args), why=args.why, watch=not args.unwatched)
    return _told(args, "model.activated" if not state.watched else "model.activated_watched", previous=state.previous)


def _shadow(args: argparse.Namespace, shelf: Shelf) -> int:
    state = shelf.shadow(args.id, args.version, by=person(args))
    _told(args, "model.shadowed", live=state.live)
    return wait_for_swap(args, shelf, args.id, args.version)


def _rollback(args: argparse.Namespace, shelf: Shelf) -> int:
    state = shelf.roll_back(args.id, by=person(args), why=args.why)
    return _told(args, "model.rolled_back", version=state.live)


def _remove(args: argparse.Namespace, shelf: Shelf) -> int:
    shelf.remove(args.id, args.version, by=person(args), even_live=args.live)
    return _told(args, "model.removed")


def _export(args: argparse.Namespace, shelf: Shelf) -> int:
    card = shelf.write_parcel(args.id, args.version, args.file, by=person(args))
    return _told(args, "model.exported", content=card.content_sha256, file=args.file)


def _told(args: argparse.Namespace, key: str, **values: object) -> int:
    named = {"id": args.id, "version": getattr(args, "version", ""), **values}
    if args.json:
        print_json({name: str(value) for name, value in named.items()})
    else:
        print_line(text(key, args.language, **named))
    return EXIT_OK


ACTIONS: dict[str, Callable[[argparse.Namespace, Shelf], int]] = {
    "list": _list,
    "import": bring_in,
    "show": _show,
    "test": _test,
    "shadow": _shadow,
    "activate": _activate,
    "rollback": _rollback,
    "remove": _remove,
    "export": _export,
}
VERB = Verb("model", "cli.help_model", add_arguments, run)
"""The verb."""
