"""`yunnao evidence`: originals and clips of events at this node, whether they are whole, and copies of them, from here or under a grant."""

from __future__ import annotations

import argparse
import base64
import getpass
from collections.abc import Callable
from pathlib import Path

from node.client import NodeClient
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.files import write_durably
from node.texts import catalogue, text
from node.texts.reasons import worded
from node.verb import UsageError, Verb
from node.verbs.actions import Actions
from node.verbs.output import list_of, moment_text, print_json, print_line, print_table, table_of, talk

STATES = ("kept", "missing", "expired", "dropped", "lost")
CHECK_TIMEOUT_S = 600.0
FETCH_TIMEOUT_S = 150.0
HASH_SHOWN = 12
MEGABYTE = 1 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-verbs."""
    actions = Actions(parser, "evidence")
    listed = actions.add("list")
    listed.add_argument("--state", choices=STATES, default="", help=actions.help("option_state"))
    listed.add_argument("--limit", type=int, default=50, metavar="N", help=actions.help("option_limit"))
    actions.add("show").add_argument("id", metavar="ID", help=actions.help("id"))
    actions.add("check").add_argument("--deep", action="store_true", help=actions.help("option_deep"))
    exported = _add_picture(actions, "export")
    exported.add_argument("--out", required=True, type=Path, metavar="FILE", help=actions.help("option_out"))
    exported.add_argument("--why", required=True, metavar="TEXT", help=actions.help("option_why"))
    _add_form(actions, exported)
    _add_picture(actions, "drop").add_argument("--why", required=True, metavar="TEXT", help=actions.help("option_why"))
    fetched = _add_picture(actions, "fetch")
    fetched.add_argument("--request", required=True, metavar="ID", help=actions.help("option_request"))
    fetched.add_argument("--out", required=True, type=Path, metavar="FILE", help=actions.help("option_out"))
    _add_form(actions, fetched)


def _add_form(actions: Actions, sub: argparse.ArgumentParser) -> None:
    forms = sub.add_mutually_exclusive_group()
    forms.add_argument("--clip", dest="form", action="store_const", const="clip", default="picture", help=actions.help("option_clip"))
    forms.add_argument("--unmasked-video", dest="form", action="store_const", const="unmasked-video", help=actions.help("option_unmasked"))


def _add_picture(actions: Actions, word: str) -> argparse.ArgumentParser:
    sub = actions.add(word)
    sub.add_argument("id", metavar="ID", help=actions.help("id"))
    sub.add_argument("--by", metavar="NAME", help=actions.help("option_by"))
    return sub


def run(args: argparse.Namespace) -> int:
    """Do what the sub-verb says."""
    if "by" in args and not args.by:
        args.by = getpass.getuser()
    return ACTIONS[args.action](args, NodeClient(args.dir))


def _list(args: argparse.Namespace, client: NodeClient) -> int:
    answer = client.call("evidence_list", state=args.state, limit=args.limit)
    if args.json:
        print_json(answer)
        return EXIT_OK
    print_table(text("evidence.columns", args.language).split("|"), [_row(one, args.language) for one in list_of(answer.get("pictures"))])
    counts = table_of(answer.get("counts"))
    said = ", ".join(f"{text(f'evidence.state_{state}', args.language)} {counts.get(state, 0)}" for state in STATES)
    room = {"used": _megabytes(answer.get("bytes")), "quota": _megabytes(answer.get("quota_bytes")), "open": counts.get("open", 0)}
    talk(text("evidence.footer", args.language, states=said, **room))
    if answer.get("fault"):
        talk(text("evidence.fault", args.language, fault=answer["fault"]))
    return EXIT_OK


def _row(one: dict[str, object], language: str) -> list[object]:
    state = text(f"evidence.state_{one.get('state')}", language)
    if one.get("open"):
        state = text("evidence.open", language, state=state)
    what = [one.get(key) for key in ("event_id", "camera", "rule", "label")]
    clip = text(f"evidence.clip_{one.get('clip')}", language) if isinstance(one.get("clip"), str) and one.get("clip") else "-"
    why = _why(one.get("why"), language)
    return [*what, moment_text(one.get("at_us")), state, why, clip, str(one.get("sha256") or "-")[:HASH_SHOWN]]


def _why(said: object, language: str) -> str:
    """Why something is not here: a word of the node's, or a reason of the process that should have kept it."""
    word = str(said or "-")
    return catalogue(language).get(f"evidence.why_{word}") or worded(word, language)


def _show(args: argparse.Namespace, client: NodeClient) -> int:
    one = client.call("evidence_show", id=args.id)
    if args.json:
        print_json(one)
        return EXIT_OK
    clip = table_of(one.get("clip"))
    print_table(text("evidence.columns", args.language).split("|"), [_row(one | {"clip": clip.get("state")}, args.language)])
    if clip:
        said = {key: clip.get(key) or "-" for key in ("codec", "seconds", "why", "sha256")}
        said["why"] = _why(clip.get("why"), args.language)
        print_line(text("evidence.clip_line", args.language, size=_megabytes(clip.get("bytes")), **said))
    for key in ("sha256", "masked_sha256", "file"):
        print_line(f"{text(f'evidence.{key}', args.language)}: {one.get(key) or '-'}")
    rows = [[box.get("class"), box.get("score"), box.get("box")] for box in list_of(table_of(one.get("boxes")).get("boxes"))]
    print_table(text("evidence.box_columns", args.language).split("|"), rows)
    return EXIT_OK


def _check(args: argparse.Namespace, client: NodeClient) -> int:
    """Print what a look at folder and book found; 1 while an original is gone or not what it was."""
    report = client.call("evidence_check", timeout_s=CHECK_TIMEOUT_S, deep=args.deep)
    if args.json:
        print_json(report)
    else:
        numbers = {key: report.get(key) for key in ("kept", "files", "waiting")}
        print_line(text("evidence.checked", args.language, size=_megabytes(report.get("bytes")), **numbers))
        for key in ("without_files", "damaged", "without_rows"):
            _print_faults(key, table_of(report.get(key)), args.language)
    return EXIT_OK if report.get("holds") else EXIT_NEGATIVE


def _print_faults(key: str, faults: dict[str, object], language: str) -> None:
    if faults.get("count"):
        names = faults.get("names")
        named = ", ".join(str(name) for name in names) if isinstance(names, list) else ""
        print_line(text(f"evidence.{key}", language, count=faults["count"], names=named))


def _export(args: argparse.Namespace, client: NodeClient) -> int:
    return _write(client.call("evidence_export", timeout_s=FETCH_TIMEOUT_S, id=args.id, by=args.by, why=args.why, form=args.form), args)


def _fetch(args: argparse.Namespace, client: NodeClient) -> int:
    asked = {"id": args.request, "picture": args.id, "by": args.by, "form": args.form}
    return _write(client.call("evidence_fetch", timeout_s=FETCH_TIMEOUT_S, **asked), args)


def _write(answer: dict[str, object], args: argparse.Namespace) -> int:
    """The copy into a file of its owner alone; beside unmasked video the note of who has it, and under what."""
    data = base64.b64decode(str(answer.pop("jpeg" if args.form == "picture" else "video", "")))
    try:
        if args.form == "unmasked-video":
            write_durably(args.out.with_name(f"{args.out.name}.json"), str(answer.get("note")).encode() + b"\n")
        write_durably(args.out, data)
    except OSError as error:
        raise UsageError(f"{args.out} cannot be written ({error.strerror}): free space there, or name another file") from None
    if args.json:
        print_json(answer | {"file": str(args.out), "bytes": len(data)})
    else:
        talk(text("evidence.written", args.language, file=args.out, by=args.by))
    return EXIT_OK


def _drop(args: argparse.Namespace, client: NodeClient) -> int:
    answer = client.call("evidence_drop", id=args.id, by=args.by, why=args.why)
    if args.json:
        print_json(answer)
    else:
        dropped = answer.get("dropped")
        talk(text("evidence.dropped", args.language, events=", ".join(str(one) for one in dropped) if isinstance(dropped, list) else "-"))
    return EXIT_OK


def _megabytes(size: object) -> str:
    return f"{size / MEGABYTE:.1f}" if isinstance(size, int) else "-"


ACTIONS: dict[str, Callable[[argparse.Namespace, NodeClient], int]] = {
    "list": _list,
    "show": _show,
    "check": _check,
    "export": _export,
    "drop": _drop,
    "fetch": _fetch,
}
VERB = Verb("evidence", "cli.help_evidence", add_arguments, run)
