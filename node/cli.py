"""The command line: finds the verb, imports only that one, runs it, and turns every error into one line and an exit code.

stdout is data, stderr is talk; exit codes are in docs/cli.md.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from node.errors import EXIT_FAILED, EXIT_INTERNAL, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, NodeError
from node.texts import LANGUAGES, TextMissing, text
from node.verb import VERB_GROUP, Verb, VerbParser
from node.verbs import BUILT_IN

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

EXIT_PIPE = 141
"""As a shell reports a program whose reader went away."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # A core file would hold keys, passwords and pictures as they came; the processes of cameras inherit it.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    try:
        return _dispatch(arguments)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else EXIT_USAGE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PIPE
    except NodeError as error:
        _talk(str(error))
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the last handler: it reports and ends the program
        return _report(error)


def default_language(environment: Mapping[str, str]) -> str:
    """zh where the terminal's locale is Chinese and can show it, else en."""
    locale = next((environment[name] for name in ("YUNNAO_LANG", "LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), "")
    return "zh" if locale.lower().startswith("zh") and environment.get("TERM") != "linux" else "en"


def _dispatch(arguments: Sequence[str]) -> int:
    opening = _global_parser(default_language(os.environ))
    opening.add_argument("verb", nargs="?")
    opening.add_argument("rest", nargs=argparse.REMAINDER)
    known = opening.parse_args(arguments)
    language = known.lang or default_language(os.environ)
    if known.version:
        sys.stdout.write(f"yunnao {_version()}\n")
        return EXIT_OK
    if known.verb is None:
        out = sys.stdout if known.help else sys.stderr
        out.write(_overview(language))
        return EXIT_OK if known.help else EXIT_USAGE
    verb = _find(known.verb, language)
    if verb is None:
        return EXIT_USAGE
    start = argparse.Namespace(dir=known.dir or verb.default_folder, lang=known.lang)
    rest = ["--help", *known.rest] if known.help else known.rest
    given = verb_parser(verb, language).parse_args(rest, namespace=start)
    given.language = given.lang or language
    return verb.run(given)


def verb_parser(verb: Verb, language: str) -> VerbParser:
    """The parser of one verb; the global options may also follow the verb, and win over options of the same name."""
    description = text(verb.help_key, language)
    parser = VerbParser(prog=f"yunnao {verb.name}", description=description, conflict_handler="resolve", allow_abbrev=False)
    parser.language = language
    verb.add_arguments(parser)
    for target in [parser, *_subparsers(parser)]:
        _add_global(target, language, suppress=True)
    return parser


def _subparsers(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    found: list[argparse.ArgumentParser] = []
    for action in parser._actions:  # noqa: SLF001 - argparse names no other way to reach sub-commands
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            found += action.choices.values()
    return found


def _global_parser(language: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="yunnao", add_help=False, allow_abbrev=False)
    _add_global(parser, language, suppress=False)
    parser.add_argument("--help", "-h", action="store_true")
    parser.add_argument("--version", action="store_true")
    return parser


def _add_global(parser: argparse.ArgumentParser, language: str, *, suppress: bool) -> None:
    folder, lang = (argparse.SUPPRESS, argparse.SUPPRESS) if suppress else (None, None)
    parser.add_argument("--dir", type=Path, default=folder, metavar="DIR", help=text("cli.option_dir", language))
    parser.add_argument("--lang", choices=LANGUAGES, default=lang, help=text("cli.option_lang", language))


def _find(name: str, language: str) -> Verb | None:
    if name in BUILT_IN:
        found = import_module(BUILT_IN[name]).VERB
    else:
        points = {point.name: point for point in _added()}
        if name not in points:
            import difflib

            close = difflib.get_close_matches(name, [*BUILT_IN, *points], n=1)
            hint = text("cli.did_you_mean", language, verb=close[0]) if close else text("cli.see_help", language)
            _talk(f"{text('cli.unknown_verb', language, verb=name)} {hint}")
            return None
        found = points[name].load()
    assert isinstance(found, Verb)
    return found


def _added() -> list[EntryPoint]:
    from importlib.metadata import entry_points

    return sorted(entry_points(group=VERB_GROUP), key=lambda point: point.name)


def _overview(language: str) -> str:
    rows = [(name, text(f"cli.help_{name}", language)) for name in BUILT_IN]
    rows += [(point.name, _added_help(point.name, language)) for point in _added()]
    lines = [f"  {name:<10} {words}" for name, words in rows]
    options = [f"  {'--dir DIR':<10} {text('cli.option_dir', language)}", f"  {'--lang':<10} {text('cli.option_lang', language)}"]
    parts = (text("cli.about", language), "", text("cli.usage", language), "", *lines, "", *options, "", text("cli.more_help", language))
    return "\n".join(parts) + "\n"


def _added_help(name: str, language: str) -> str:
    for key in (f"{name}.help", f"cli.help_{name}"):
        try:
            return text(key, language)
        except TextMissing:
            continue
    return ""


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("yunnao")
    except PackageNotFoundError:
        return "from source"


def _report(error: Exception) -> int:
    from sync.model import SyncError

    if isinstance(error, (SyncError, OSError)):
        _talk(str(error))
        return EXIT_FAILED
    traceback.print_exception(error, file=sys.stderr)
    _talk(f"internal error: {error!r}; this is a fault of the program, please report it with the lines above")
    return EXIT_INTERNAL


def _talk(line: str) -> None:
    sys.stderr.write(f"yunnao: {line}\n")


if __name__ == "__main__":
    sys.exit(main())
