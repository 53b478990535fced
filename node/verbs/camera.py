"""`yunnao camera`: the cameras a node watches, entered without an editor and tried before they are trusted; and the camera directory."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from edge_ai.looks.values import SECONDS_MAX, Look
from node.audit.left import left
from node.cameras.credentials import Credentials, shown
from node.cameras.errors import CameraRefused
from node.cameras.list_sheet import ALGORITHM, LIST_FORM, entered
from node.cameras.listing import CameraList, held_list, said, spec_of
from node.cameras.looking import look
from node.cameras.templates import RTSP_PORT, Stream, templates
from node.catalogue.cells import text_of
from node.catalogue.lines import Values
from node.client import NodeClient, NodeUnreachable
from node.clock import SystemClock
from node.config.config import CONFIG_NAME
from node.errors import EXIT_OK
from node.texts import text
from node.verb import UsageError, Verb
from node.verbs.actions import Actions
from node.verbs.camera_directory import add_directory_words, list_directory
from node.verbs.camera_discover import add_discover_words, list_found, onvif_address
from node.verbs.camera_password import asked_password
from node.verbs.camera_sheet import import_sheet, say_lost
from node.verbs.camera_view import add_view_words, view
from node.verbs.camera_zone import add_zone_words, set_zone
from node.verbs.folder import read_config
from node.verbs.output import list_of, print_json, print_line, print_table, talk
from node.verbs.status_parts import camera_words

CALL_TIMEOUT_S = 30.0
GIVEN = ("name", "vendor", "host", "port", "channel", "stream", "source", "user", "algorithm", "territory", "place", "code")
"""Options of `add` that are columns of a sheet, too."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words after the verb; without one, cameras are listed."""
    actions = Actions(parser, "camera", required=False)
    parser.add_argument("--json", action="store_true", help=actions.help("option_json"))
    actions.add("list")
    actions.add("show").add_argument("id", metavar="ID", help=actions.help("id"))
    _add_words(actions)
    actions.add("remove").add_argument("ids", nargs="+", metavar="ID", help=actions.help("id"))
    imported = actions.add("import")
    imported.add_argument("files", nargs="+", type=Path, metavar="FILE", help=actions.help("files"))
    imported.add_argument("--dry-run", action="store_true", help=actions.help("option_dry_run"))
    imported.add_argument("--skip-bad", action="store_true", help=actions.help("option_skip_bad"))
    imported.add_argument("--one-password", action="store_true", help=actions.help("option_one_password"))
    tested = actions.add("test")
    tested.add_argument("id", metavar="ID", help=actions.help("id"))
    tested.add_argument("--out", type=Path, metavar="FILE", help=actions.help("option_out"))
    tested.add_argument("--seconds", type=float, default=2.0, metavar="S", help=actions.help("option_seconds", most=f"{SECONDS_MAX:g}"))
    add_view_words(actions)
    add_zone_words(actions)
    add_discover_words(actions)
    add_directory_words(actions)


def _add_words(actions: Actions) -> None:
    added = actions.add("add")
    added.add_argument("id", metavar="ID", help=actions.help("id"))
    added.add_argument("--url", dest="source", metavar="URL", help=actions.help("option_url"))
    added.add_argument("--vendor", choices=sorted(templates()), help=actions.help("option_vendor"))
    added.add_argument("--host", help=actions.help("option_host"))
    added.add_argument("--port", type=int, help=actions.help("option_port", port=RTSP_PORT))
    added.add_argument("--channel", type=int, help=actions.help("option_channel"))
    added.add_argument("--stream", choices=[each.value for each in Stream], help=actions.help("option_stream"))
    added.add_argument("--user", help=actions.help("option_user"))
    added.add_argument("--algorithm", help=actions.help("option_algorithm", algorithm=ALGORITHM))
    for option in ("name", "territory", "place", "code"):
        added.add_argument(f"--{option}", help=actions.help(f"option_{option}"))


def run(args: argparse.Namespace) -> int:
    """Do what the word after the verb says."""
    return ACTIONS[args.action or "list"](args)


# ---- showing


def _list(args: argparse.Namespace) -> int:
    config = read_config(args.dir)
    states = _states(args)
    rows: list[dict[str, object]] = [
        {
            "id": camera.id, "name": camera.name, "kind": camera.kind, "source": shown(camera.source), "algorithm": camera.algorithm,
            "territory": camera.territory or config.territory.code, "code": camera.code, "rules": len(camera.rule),
            "state": states.get(camera.id, {}).get("state", "-"),
            "file": config.path.name if camera in config.file.camera else "cameras.toml",
        }
        for camera in config.cameras
    ]  # fmt: skip
    if args.json:
        print_json({"cameras": rows})
        return EXIT_OK
    for row in rows:
        row["state"] = camera_words(row, args.language)["state"]
    keys = ("id", "name", "state", "source", "algorithm", "rules", "code", "file")
    print_table(text("camera.columns", args.language).split("|"), [[row[key] or "-" for key in keys] for row in rows])
    print_line(text("camera.counted", args.language, count=len(rows)))
    return EXIT_OK


def _states(args: argparse.Namespace) -> dict[str, dict[str, object]]:
    """What the running node says of each camera; empty where none runs."""
    try:
        cameras = list_of(NodeClient(args.dir).call("status").get("cameras"))
    except NodeUnreachable:
        return {}
    return {str(each.get("camera")): each for each in cameras}


def _show(args: argparse.Namespace) -> int:
    listed = CameraList(read_config(args.dir))
    camera = listed.find(args.id)
    login = listed.credentials.get(args.id)
    facts = dict(said(camera)) | {"source": shown(camera.source), "user": login.user if login else ""}
    facts["has_password"] = bool(login and login.password) or shown(camera.source) != camera.source
    now = _states(args).get(args.id, {})
    if args.json:
        print_json(facts | {key: now.get(key) for key in ("state", "why")})
        return EXIT_OK
    shown_facts = [[name, value] for name, value in facts.items() if name != "rule" and value not in ("", None)]
    print_table(text("camera.show_columns", args.language).split("|"), shown_facts)
    if now:
        words = camera_words(now, args.language)
        print_line(text("camera.show_now", args.language, state=words["state"], why=words["why"]).rstrip(" :："))
    for rule in camera.rule:
        points = " ".join(f"{x:g},{y:g}" for x, y in rule.points)
        print_line(text("camera.rule_line", args.language, name=rule.name, kind=rule.preset or rule.kind, points=points))
    return EXIT_OK


# ---- changing


def _add(args: argparse.Namespace) -> int:
    CameraList(read_config(args.dir)).before(args.id)  # refused before a password is asked for
    values: Values = {"id": _cell("id", args.id)}
    for name in GIVEN:
        given = getattr(args, name)
        if given is not None:
            values[name] = _cell(name, str(given))
    if args.user is not None:
        values["password"] = asked_password(text("camera.password_ask", args.language, user=args.user, camera=args.id))
    if args.vendor == "onvif" and args.host and not args.source:
        values["source"] = _asked_address(args, values)
    with held_list(args.dir / CONFIG_NAME, "camera add") as listed:
        before = listed.before(args.id)
        found = entered(values, before)
        is_new = listed.put(found.entry, found.credentials)
        if is_new:
            listed.check()
            with _noted(listed, "add", [args.id]):
                listed.save()
    say_lost(listed, [args.id], args.language)
    return _say(args, "same" if not is_new else "added" if before is None else "changed", [args.id], is_changed=is_new)


def _asked_address(args: argparse.Namespace, values: Values) -> str:
    login = Credentials(args.user, str(values["password"])) if args.user is not None else None
    return onvif_address(args.host, port=args.port, stream=Stream(args.stream or Stream.SUB.value), login=login)


def _cell(name: str, typed: str) -> str | float:
    try:
        return LIST_FORM.readers[name](text_of(typed))
    except ValueError as error:
        value = f" {typed!r}" if name not in LIST_FORM.secret else ""
        raise UsageError(f"--{'url' if name == 'source' else name}{value} refused: {error}") from None


def _remove(args: argparse.Namespace) -> int:
    with held_list(args.dir / CONFIG_NAME, "camera remove") as listed:
        for camera in args.ids:
            listed.remove(camera)
        with _noted(listed, "remove", args.ids):
            listed.save()
    return _say(args, "removed", args.ids, is_changed=True)


def _import(args: argparse.Namespace) -> int:
    return import_sheet(args, _noted, lambda: _reloaded(args))


def _zone(args: argparse.Namespace) -> int:
    return set_zone(args, _noted, lambda: _reloaded(args))


def _noted(listed: CameraList, action: str, cameras: list[str]) -> AbstractContextManager[None]:
    """A note for the audit log, without addresses."""
    subject = cameras[0] if len(cameras) == 1 else f"{len(cameras)} cameras"
    return left(listed.config.data_dir, "camera", subject, at_us=SystemClock().wall_us(), detail={"action": action})


def _say(args: argparse.Namespace, what: str, cameras: list[str], *, is_changed: bool) -> int:
    taken = _reloaded(args) if is_changed else ""
    if args.json:
        print_json({"cameras": cameras, "done": what, "taken": taken})
        return EXIT_OK
    print_line(text(f"camera.{what}", args.language, cameras=", ".join(cameras)))
    if taken:
        talk(text(f"camera.taken_{taken}", args.language))
    return EXIT_OK


def _reloaded(args: argparse.Namespace) -> str:
    """Have the running node take the list: now, or, where none runs, at its next start."""
    try:
        NodeClient(args.dir).call("camera_reload", timeout_s=CALL_TIMEOUT_S)
    except NodeUnreachable:
        return "later"
    return "now"


# ---- looking


def _test(args: argparse.Namespace) -> int:
    if not 0 < args.seconds <= SECONDS_MAX:
        raise UsageError(f"--seconds {args.seconds:g} refused: more than 0, at most {SECONDS_MAX:g}")
    listed = CameraList(read_config(args.dir))
    spec = spec_of(listed.config, listed.find(args.id), listed.credentials)
    out = args.out or Path(f"{args.id}.jpg")
    if out.suffix.lower() not in (".jpg", ".jpeg"):
        raise UsageError(f"--out {out} refused: name a file that ends in .jpg")
    if not out.resolve().parent.is_dir():
        raise CameraRefused(f"{out.parent} is no folder: make it first")
    found = look(Look(camera=spec, seconds=args.seconds, still=str(out.resolve())), args.language)
    if args.json:
        print_json(msgspec.to_builtins(found) | {"camera": args.id, "still": str(out)})
        return EXIT_OK
    facts = {"camera": args.id, "codec": found.codec or "-", "size": f"{found.width}x{found.height}", "fps": f"{found.fps:g}"}
    print_line(text("camera.tested", args.language, **facts, frames=found.frames, opened_ms=found.opened_ms, still=out))
    return EXIT_OK


ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "list": _list,
    "show": _show,
    "add": _add,
    "remove": _remove,
    "import": _import,
    "test": _test,
    "view": view,
    "zone": _zone,
    "discover": list_found,
    "directory": list_directory,
}
VERB = Verb("camera", "cli.help_camera", add_arguments, run)
