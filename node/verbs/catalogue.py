"""`yunnao catalogue`: what it holds (`list`, `show`, `history`), sheets in and out (`import`, `export`), the draft into force (`issue`)."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

from node.catalogue.errors import RowsRefused
from node.catalogue.exporting import GBK, UTF8, export_files
from node.catalogue.importing import Present, import_sheets, read_files
from node.client import NodeClient
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.verb import Verb
from node.verbs.actions import Actions
from node.verbs.output import list_of, moment_text, print_json, print_line, print_table, table_of, talk
from policies.catalogue import Resource

LIST_MAX = 1_000
PROBLEMS_SHOWN_MAX = 50
"""Bad cells that are printed; --json has all."""
CALL_TIMEOUT_S = 120.0
"""Large catalogues are signed and compiled before the answer comes."""
GRADES = {"L1": 1, "L2": 2, "L3": 3, "L4": 4, "none": 0}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-verbs."""
    actions = Actions(parser, "catalogue")
    listed = actions.add("list")
    listed.add_argument("text", nargs="*", metavar="WORD", help=actions.help("words"))
    for option in ("provider", "issuer"):
        listed.add_argument(f"--{option}", metavar="NAME", help=actions.help(f"option_{option}"))
    listed.add_argument("--library", choices=("base", "topic", "special"), help=actions.help("option_library"))
    listed.add_argument("--grade", choices=tuple(GRADES), help=actions.help("option_grade"))
    listed.add_argument("--share", choices=("unconditional", "conditional", "none"), help=actions.help("option_share"))
    listed.add_argument("--state", choices=("fresh", "stale", "empty", "unpromised"), help=actions.help("option_state"))
    listed.add_argument("--drafts", action="store_true", help=actions.help("option_drafts"))
    listed.add_argument("--offset", type=int, default=0, metavar="N", help=actions.help("option_offset"))
    listed.add_argument("--limit", type=int, default=LIST_MAX, metavar="N", help=actions.help("option_limit"))
    actions.add("show").add_argument("code", metavar="CODE", help=actions.help("code"))
    imported = actions.add("import")
    imported.add_argument("files", nargs="+", type=Path, metavar="FILE", help=actions.help("files"))
    imported.add_argument("--dry-run", action="store_true", help=actions.help("option_dry_run"))
    exported = actions.add("export")
    exported.add_argument("file", type=Path, metavar="FILE", help=actions.help("file"))
    exported.add_argument("--gbk", action="store_true", help=actions.help("option_gbk"))
    actions.add("issue")
    actions.add("drop").add_argument("codes", nargs="+", metavar="CODE", help=actions.help("code"))
    actions.add("withdraw").add_argument("codes", nargs="+", metavar="CODE", help=actions.help("code"))
    history = actions.add("history")
    history.add_argument("code", nargs="?", default="", metavar="CODE", help=actions.help("code"))
    history.add_argument("--limit", type=int, default=100, metavar="N", help=actions.help("option_limit"))


def run(args: argparse.Namespace) -> int:
    """Do what the sub-verb says."""
    return ACTIONS[args.action](args, NodeClient(args.dir))


def _list(args: argparse.Namespace, client: NodeClient) -> int:
    answer = client.call(
        "catalogue",
        text=" ".join(args.text),
        provider=args.provider,
        issuer=args.issuer,
        library=args.library,
        grade=GRADES[args.grade] if args.grade else None,
        share=args.share,
        state=args.state,
        drafts=args.drafts,
        offset=args.offset,
        limit=args.limit,
    )
    if args.json:
        print_json(answer)
        return EXIT_OK
    entries = list_of(answer.get("entries"))
    if args.drafts:
        rows = [[*_names(one, args.language), one.get("is_new"), one.get("source"), moment_text(one.get("at_us"))] for one in entries]
        print_table(text("catalogue.draft_columns", args.language).split("|"), rows)
        if withdrawn := _list_of_texts(answer.get("withdrawn")):
            print_line(text("catalogue.draft_withdrawn", args.language, codes=", ".join(map(str, withdrawn))))
    else:
        keys = ("issuer", "grade", "share", "period_s", "state", "age_s")
        rows = [[*_names(entry, args.language), *(_shown(entry, key, args.language) for key in keys)] for entry in entries]
        print_table(text("catalogue.list_columns", args.language).split("|"), rows)
    talk(text("catalogue.list_total", args.language, shown=len(entries), total=answer.get("total"), of=answer.get("of")))
    return EXIT_OK


def _names(entry: dict[str, object], language: str) -> list[object]:
    return [entry.get("code"), table_of(entry.get("title")).get(language), entry.get("provider") or "-"]


def _shown(entry: dict[str, object], key: str, language: str) -> object:
    value = entry.get(key)
    if key == "state":
        return text(f"catalogue.state_{value}", language)
    if key == "grade":
        return value or text("catalogue.ungraded", language)
    return round(value) if key == "age_s" and isinstance(value, float) else value


def _show(args: argparse.Namespace, client: NodeClient) -> int:
    answer = client.call("catalogue_show", code=args.code)
    if args.json:
        print_json(answer)
        return EXIT_OK
    entry = table_of(answer.get("entry")) or table_of(answer.get("draft"))
    listing = table_of(entry.get("listing"))
    facts = {"issuer": answer.get("issuer"), "state": answer.get("state"), "newest": moment_text(answer.get("newest_us"))}
    plain = {key: value for key, value in (entry | listing | facts).items() if value and not isinstance(value, dict) and key != "fields"}
    print_table(
        text("catalogue.show_columns", args.language).split("|"),
        [[key, ", ".join(map(str, value)) if isinstance(value, list) else value] for key, value in plain.items()],
    )
    print_line("")
    keys = ("name", "title", "type", "role", "grade", "mask", "category")
    rows = [[item.get(key) for key in keys] for item in list_of(entry.get("fields"))]
    print_table(text("catalogue.field_columns", args.language).split("|"), rows)
    if answer.get("draft") or answer.get("is_withdrawn"):
        talk(text("catalogue.show_draft" if answer.get("draft") else "catalogue.show_withdrawn", args.language))
    return EXIT_OK


def _import(args: argparse.Namespace, client: NodeClient) -> int:
    """Read the files; on bad rows print each and give 1, with nothing imported."""
    sheets = read_files(args.files)
    try:
        found = import_sheets(sheets, _present(client))
    except RowsRefused as refused:
        return _show_problems(args, refused)
    for sheet, header in found.ignored:
        talk(text("catalogue.import_ignored", args.language, sheet=sheet, header=header))
    for sheet in found.skipped:
        talk(text("catalogue.import_skipped", args.language, sheet=sheet))
    answer: dict[str, object] = {"added": list(found.added), "changed": list(found.changed), "same": found.same, "dry_run": args.dry_run}
    if found.resources and not args.dry_run:
        entries = [resource.encoded() for resource in found.resources]
        source = ", ".join(path.name for path in args.files)[:200]
        answer |= client.call("catalogue_import", timeout_s=CALL_TIMEOUT_S, entries=entries, source=source)
    if args.json:
        print_json(answer)
        return EXIT_OK
    counts = {"added": len(found.added), "changed": len(found.changed), "same": found.same}
    print_line(text("catalogue.import_dry" if args.dry_run else "catalogue.import_done", args.language, **counts))
    bound = answer.get("only_tightens")
    if bound and isinstance(bound, list):
        talk(text("catalogue.import_bound", args.language, codes=", ".join(map(str, bound[:10])), count=len(bound)))
    return EXIT_OK


def _show_problems(args: argparse.Namespace, refused: RowsRefused) -> int:
    problems = [problem.encoded() for problem in refused.problems]
    if args.json:
        print_json({"problems": problems, "imported": 0})
    else:
        for problem in problems[:PROBLEMS_SHOWN_MAX]:
            print_line(text("catalogue.problem", args.language, **problem))
        talk(text("catalogue.import_refused", args.language, count=len(problems)))
    return EXIT_NEGATIVE


def _export(args: argparse.Namespace, client: NodeClient) -> int:
    resources = list(_entries(client).values())
    files = export_files(args.file, resources, language=args.language, encoding=GBK if args.gbk else UTF8)
    if args.json:
        print_json({"files": [str(path) for path in files], "entries": len(resources)})
    else:
        print_line(text("catalogue.export_done", args.language, count=len(resources), files=", ".join(map(str, files))))
    return EXIT_OK


def _issue(args: argparse.Namespace, client: NodeClient) -> int:
    answer = client.call("catalogue_issue", timeout_s=CALL_TIMEOUT_S)
    if args.json:
        print_json(answer)
    else:
        counts = {key: answer.get(key) for key in ("issuer", "epoch", "entries", "withdrawn")}
        print_line(text("catalogue.issue_done", args.language, **counts))
    return EXIT_OK


def _drop(args: argparse.Namespace, client: NodeClient) -> int:
    answer = client.call("catalogue_drop", codes=args.codes)
    if args.json:
        print_json(answer)
    else:
        print_line(text("catalogue.drop_done", args.language, count=answer.get("dropped")))
    return EXIT_OK


def _withdraw(args: argparse.Namespace, client: NodeClient) -> int:
    answer = client.call("catalogue_withdraw", codes=args.codes)
    if args.json:
        print_json(answer)
    else:
        print_line(text("catalogue.withdraw_done", args.language, count=answer.get("withdrawn")))
    return EXIT_OK


def _history(args: argparse.Namespace, client: NodeClient) -> int:
    answer = client.call("catalogue_history", code=args.code, limit=args.limit)
    if args.json:
        print_json(answer)
        return EXIT_OK
    rows = [
        [moment_text(one.get("at_us")), one.get("issuer"), one.get("epoch"), one.get("code"), _change(one, args.language), what]
        for one in list_of(answer.get("history"))
        for what in _changes(one)
    ]
    print_table(text("catalogue.history_columns", args.language).split("|"), rows)
    return EXIT_OK


def _change(one: dict[str, object], language: str) -> str:
    return text(f"catalogue.change_{one.get('change')}", language)


def _changes(one: dict[str, object]) -> list[str]:
    """One line for each value that changed; one empty line for an entry that came or went."""
    pairs = table_of(one.get("changed")).items()
    return [f"{path}: {pair[0] or '-'} -> {pair[1] or '-'}" for path, pair in pairs if isinstance(pair, list) and len(pair) == 2] or [""]


def _entries(client: NodeClient, *, drafts: bool = False) -> dict[str, Resource]:
    """Every entry in force by code, with `drafts` as the draft would have it."""
    return {resource.code: resource for page in _pages(client, drafts=drafts) for resource in _resources(page)}


def _pages(client: NodeClient, *, drafts: bool) -> Iterable[dict[str, object]]:
    after = ""
    while True:
        page = client.call("catalogue_entries", timeout_s=CALL_TIMEOUT_S, after=after, drafts=drafts)
        yield page
        codes = [str(entry.get("code")) for entry in list_of(page.get("entries"))]
        if not codes:
            return
        after = codes[-1]


def _resources(page: dict[str, object]) -> list[Resource]:
    return [Resource.of(entry, "catalogue") for entry in list_of(page.get("entries"))]


def _present(client: NodeClient) -> Present:
    """What an import must know of the node."""
    pages = list(_pages(client, drafts=True))
    words = {key: {str(word) for page in pages for word in _list_of_texts(page.get(key))} for key in ("with_records", "masks")}
    entries = {resource.code: resource for page in pages for resource in _resources(page)}
    return Present(entries, frozenset(words["with_records"]), frozenset(words["masks"]))


def _list_of_texts(value: object) -> list[object]:
    return value if isinstance(value, list) else []


ACTIONS: dict[str, Callable[[argparse.Namespace, NodeClient], int]] = {
    "list": _list,
    "show": _show,
    "import": _import,
    "export": _export,
    "issue": _issue,
    "drop": _drop,
    "withdraw": _withdraw,
    "history": _history,
}
VERB = Verb("catalogue", "cli.help_catalogue", add_arguments, run)
