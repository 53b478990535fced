"""`yunnao audit`: that no record went missing (`flow`), that every peer has what it was sent (`equal`).

Other packages add words after `audit` by the entry-point group `yunnao.audits` (`check` comes from simulations).
"""

from __future__ import annotations

import argparse
from importlib.metadata import entry_points

from node.client import NodeClient
from node.clock import SystemClock
from node.errors import EXIT_NEGATIVE, EXIT_OK, EXIT_USAGE
from node.texts import text
from node.verb import UsageError, Verb, VerbParser, help_text
from node.verbs.audit_log import LOG, VERIFY
from node.verbs.output import list_of, print_json, print_table, table_of, talk
from node.verbs.times import moment_us

AUDIT_GROUP = "yunnao.audits"
"""Entry-point group; each value is a Verb whose name follows `audit`."""
COUNTS = ("produced", "delivered", "withheld", "expired", "lost", "pending")
PROVE_TIMEOUT_S = 3_600.0
"""A proof of everything on a large node takes minutes; the person can end it with Ctrl-C."""
EXIT_CANNOT_TELL = EXIT_USAGE
"""A peer is away: the own half holds, the other is not known."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's words and their arguments."""
    actions = parser.add_subparsers(dest="action", required=True, parser_class=VerbParser)
    own = [Verb("flow", "audit.help_flow", _add_flow, _flow), Verb("equal", "audit.help_equal", _add_equal, _equal)]
    words = [*own, LOG, VERIFY, *_added()]
    language = getattr(parser, "language", "en")
    for word in words:
        description = text(word.help_key, language)
        sub = actions.add_parser(word.name, help=description, description=description, conflict_handler="resolve")
        sub.language = language
        word.add_arguments(sub)
        sub.set_defaults(audit=word.run)


def _added() -> list[Verb]:
    found = [entry.load() for entry in sorted(entry_points(group=AUDIT_GROUP), key=lambda entry: entry.name)]
    return [word for word in found if isinstance(word, Verb)]


def run(args: argparse.Namespace) -> int:
    """Do what the word after `audit` says."""
    code: int = args.audit(args)
    return code


# ---- flow


def _add_flow(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--resource", default=None, help=help_text(parser, "audit_resource"))
    parser.add_argument("--origin", default=None, metavar="NODE", help=help_text(parser, "audit_origin"))
    for name, metavar in (("stream", "ORIGIN/RESOURCE"), ("from", "N"), ("to", "N"), ("since", "TIME"), ("until", "TIME")):
        kind = int if metavar == "N" else str
        parser.add_argument(f"--{name}", type=kind, default=None, metavar=metavar, dest=f"{name}_", help=_text(parser, f"option_{name}"))
    parser.add_argument("--no-peers", action="store_true", help=_text(parser, "option_no_peers"))
    parser.add_argument("--json", action="store_true", help=help_text(parser, "option_json"))


def _flow(args: argparse.Namespace) -> int:
    """Print the equation of every stream; 0 proven, 1 a difference, 2 cannot tell."""
    answer = NodeClient(args.dir).call("audit_flow", timeout_s=PROVE_TIMEOUT_S, ask_peers=not args.no_peers, **_scope(args))
    hops = list_of(answer.get("hops"))
    if args.json:
        print_json(answer)
    else:
        streams = [(hop, stream) for hop in hops for stream in list_of(hop.get("streams"))]
        rows = [(hop.get("peer"), hop.get("direction"), *_row(stream, args.language)) for hop, stream in streams]
        print_table(text("cli.audit_columns", args.language).split("|"), rows)
        _talk_hops(hops, args.language)
    if answer.get("first_difference"):
        talk(text("cli.audit_difference", args.language, difference=answer["first_difference"]))
    if args.stream_ is not None and not any(list_of(hop.get("streams")) for hop in hops):
        talk(text("audit.no_stream", args.language, stream=args.stream_))
        return EXIT_CANNOT_TELL
    if args.no_peers:
        holds = all(stream.get("holds") is True for hop in hops for stream in list_of(hop.get("streams")))
        return EXIT_OK if holds and not answer.get("first_difference") else EXIT_NEGATIVE
    return _code(hops)


def _scope(args: argparse.Namespace) -> dict[str, object]:
    origin, resource = args.origin, args.resource
    if args.stream_ is not None:
        parts = args.stream_.split("/")
        if len(parts) != 2 or not all(parts) or origin or resource:
            raise UsageError(f"--stream {args.stream_} refused: write ORIGIN/RESOURCE, and neither --origin nor --resource beside it")
        origin, resource = parts
    if (args.from_ is not None and args.from_ < 1) or (args.to_ is not None and args.to_ < (args.from_ or 1)):
        raise UsageError(f"--from {args.from_} --to {args.to_} refused: numbers start at 1 and ascend")
    now_us = SystemClock().wall_us()
    since, until = (None if value is None else moment_us(value, now_us=now_us) for value in (args.since_, args.until_))
    return {"origin": origin, "resource": resource, "first": args.from_, "last": args.to_, "since_us": since, "until_us": until}


def _row(stream: dict[str, object], language: str) -> tuple[object, ...]:
    verdict = text("cli.audit_holds" if stream.get("holds") is True else "cli.audit_broken", language)
    return (stream.get("origin"), stream.get("resource"), *(stream.get(count) for count in COUNTS), verdict)


# ---- equal


def _add_equal(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--peer", default=None, metavar="NODE", help=_text(parser, "option_peer"))
    parser.add_argument("--now", action="store_true", help=_text(parser, "option_now"))
    parser.add_argument("--json", action="store_true", help=help_text(parser, "option_json"))


def _equal(args: argparse.Namespace) -> int:
    """Run a proof, or tell of the newest; 0 equal, 1 a difference, 2 cannot tell."""
    answer = NodeClient(args.dir).call("audit_equal", timeout_s=PROVE_TIMEOUT_S, peer=args.peer, now=args.now)
    hops = list_of(answer.get("hops"))
    if args.json:
        print_json(answer)
    elif args.now:
        _talk_hops(hops, args.language)
        for difference in (entry for hop in hops for entry in list_of(hop.get("differences"))):
            talk(text("cli.audit_difference", args.language, difference=difference.get("text")))
    else:
        print_table(text("audit.age_columns", args.language).split("|"), [_age_row(hop, args.language) for hop in hops])
    if args.now:
        return _code(hops)
    return EXIT_OK if all(hop.get("is_equal") for hop in hops) else _worst(hops)


def _age_row(hop: dict[str, object], language: str) -> tuple[object, ...]:
    word = {True: "proven", False: "difference", None: "never"}[hop.get("is_equal")]  # type: ignore[index]
    return hop.get("peer"), hop.get("direction"), text(f"audit.{word}", language), hop.get("age_s")


def _worst(hops: list[dict[str, object]]) -> int:
    return EXIT_NEGATIVE if any(hop.get("is_equal") is False for hop in hops) else EXIT_CANNOT_TELL


# ---- both


def _talk_hops(hops: list[dict[str, object]], language: str) -> None:
    for hop in hops:
        word = {"proven": "proven", "difference": "difference"}.get(str(hop.get("proof")), "unknown")
        why = f" ({hop['why']})" if hop.get("why") else ""
        talk(f"{hop.get('peer')} {hop.get('direction')}: {text(f'audit.{word}', language)}{why}")


def _code(hops: list[dict[str, object]]) -> int:
    """0 when every hop is proven, 1 when one has a difference, 2 when only the own half of one could be proven."""
    if any(table_of(hop.get("difference")) or hop.get("proof") == "difference" for hop in hops):
        return EXIT_NEGATIVE
    return EXIT_OK if all(hop.get("proof") == "proven" for hop in hops) else EXIT_CANNOT_TELL


def _text(parser: argparse.ArgumentParser, key: str) -> str:
    return text(f"audit.{key}", getattr(parser, "language", "en")).replace("%", "%%")


VERB = Verb("audit", "cli.help_audit", add_arguments, run)
