"""`yunnao device`: the devices of this node and of those below, decisions about them, sheets of them, and commands to them."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Callable, Mapping
from pathlib import Path

from node.client import NodeClient
from node.errors import EXIT_OK
from node.texts import catalogue, text
from node.verb import Verb
from node.verbs.actions import Actions
from node.verbs.device_command import add_command_words, issue, list_commands, print_commands, show_command, withdraw
from node.verbs.device_sheet import export_sheet, import_sheet
from node.verbs.output import list_of, moment_text, print_json, print_line, print_table, table_of

LIST_MAX = 5_000
STATES = ("waiting", "admitted", "refused", "retired")
CALL_TIMEOUT_S = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words after the verb; without one, devices are listed."""
    actions = Actions(parser, "device", required=False)
    parser.add_argument("--json", action="store_true", help=text("cli.option_json", getattr(parser, "language", "en")))
    listed = actions.add("list")
    listed.add_argument("--state", choices=STATES, help=actions.help("option_state"))
    listed.add_argument("--silent", action="store_true", help=actions.help("option_silent"))
    listed.add_argument("--below", action="store_true", help=actions.help("option_below"))
    actions.add("show").add_argument("device", metavar="DEVICE", help=actions.help("device"))
    admitted = actions.add("admit")
    admitted.add_argument("devices", nargs="+", metavar="DEVICE", help=actions.help("device"))
    admitted.add_argument("--owner", default="", metavar="NAME", help=actions.help("option_owner"))
    for word in ("refuse", "retire"):
        actions.add(word).add_argument("devices", nargs="+", metavar="DEVICE", help=actions.help("device"))
    imported = actions.add("import")
    imported.add_argument("files", nargs="+", type=Path, metavar="FILE", help=actions.help("files"))
    imported.add_argument("--dry-run", action="store_true", help=actions.help("option_dry_run"))
    imported.add_argument("--skip-bad", action="store_true", help=actions.help("option_skip_bad"))
    exported = actions.add("export")
    exported.add_argument("file", type=Path, metavar="FILE", help=actions.help("file"))
    exported.add_argument("--gbk", action="store_true", help=actions.help("option_gbk"))
    add_command_words(actions)


def run(args: argparse.Namespace) -> int:
    """Do what the word after the verb says."""
    return ACTIONS[args.action or "list"](args, NodeClient(args.dir))


# ---- lists


def _list(args: argparse.Namespace, client: NodeClient) -> int:
    if getattr(args, "below", False):
        return _list_below(args, client)
    answer = client.call("devices", limit=LIST_MAX, timeout_s=CALL_TIMEOUT_S)
    wanted, is_silent = getattr(args, "state", None), getattr(args, "silent", False)
    devices = [
        device
        for device in list_of(answer.get("devices"))
        if wanted in (None, device.get("state")) and (not is_silent or device.get("silent_s") is not None)
    ]
    if args.json:
        print_json(answer | {"devices": devices})
        return EXIT_OK
    print_table(text("device.columns", args.language).split("|"), [_line(device, args.language) for device in devices])
    print_line(_counted(table_of(answer.get("counts")), args.language))
    return EXIT_OK


def _line(device: Mapping[str, object], language: str) -> list[object]:
    return [
        device.get("device"),
        device.get("kind") or "-",
        device.get("owner") or "-",
        state_text(device, language),
        age_text(device.get("age_s")),
        device.get("rate"),
        battery_text(device.get("battery")),
        device.get("commands") or "-",
    ]


def _counted(counts: Mapping[str, object], language: str) -> str:
    named = [f"{_state(state, language)} {counts.get(state, 0)}" for state in (*STATES, "silent") if counts.get(state)]
    return text("device.counts", language, counts=", ".join(named) or "0")


def _list_below(args: argparse.Namespace, client: NodeClient) -> int:
    answer = client.call("devices_below", timeout_s=CALL_TIMEOUT_S)
    if args.json:
        print_json(answer)
        return EXIT_OK
    rows = [
        [
            device.get("node"),
            device.get("device"),
            device.get("territory"),
            device.get("kind") or "-",
            device.get("owner") or "-",
            _state("silent" if device.get("silent") else device.get("state"), args.language),
            device.get("rate"),
            battery_text(device.get("battery")),
            moment_text(device.get("event_time")),
        ]
        for device in list_of(answer.get("devices"))
    ]
    print_table(text("device.columns_below", args.language).split("|"), rows)
    return EXIT_OK


# ---- one device


def _show(args: argparse.Namespace, client: NodeClient) -> int:
    answer = client.call("device_show", device=args.device, timeout_s=CALL_TIMEOUT_S)
    if args.json:
        print_json(answer)
        return EXIT_OK
    device = table_of(answer.get("device"))
    print_table(text("device.show_columns", args.language).split("|"), _facts(device, args.language))
    if values := table_of(device.get("values")):
        print_line("")
        rows = [[name, *_value(table_of(value))] for name, value in values.items()]
        print_table(text("device.value_columns", args.language).split("|"), rows)
    if hidden := device.get("values_hidden"):
        print_line(text("device.values_hidden", args.language, count=hidden))
    if commands := list_of(answer.get("commands")):
        print_line("")
        print_commands(commands, args.language)
    if history := list_of(answer.get("history")):
        print_line("")
        print_table(text("device.version_columns", args.language).split("|"), [_version(row, args.language) for row in history])
    return EXIT_OK


def _value(last: Mapping[str, object]) -> list[object]:
    return [last.get("value"), last.get("unit"), age_text(last.get("age_s"))]


def _version(row: Mapping[str, object], language: str) -> list[object]:
    state = "silent" if row.get("silent") else row.get("state")
    facts = [row.get(key) for key in ("owner", "kind", "territory", "rate")]
    return [moment_text(row.get("event_time")), _state(state, language), *facts, battery_text(row.get("battery"))]


def _facts(device: Mapping[str, object], language: str) -> list[list[object]]:
    place = [device.get("longitude"), device.get("latitude")]
    shown: dict[str, object] = {
        "device": device.get("device"),
        "state": state_text(device, language),
        "state_since": moment_text(device.get("state_since_us")),
        "kind": device.get("kind"),
        "profile": device.get("profile"),
        "protocol": device.get("protocol"),
        "owner": device.get("owner"),
        "territory": device.get("territory"),
        "place": ", ".join(f"{part:.6f}" for part in place if isinstance(part, float)),
        "address": device.get("address"),
        "installed": device.get("installed"),
        "user": device.get("user"),
        "certificate": device.get("certificate"),
        "last_seen": moment_text(device.get("last_seen_us")),
        "rate": device.get("rate"),
        "period": device.get("period_s"),
        "battery": battery_text(device.get("battery")),
    }
    return [[text(f"device.fact_{key}", language), value] for key, value in shown.items() if value not in (None, "", "-")]


def state_text(device: Mapping[str, object], language: str) -> str:
    """The state of a device, and that it is silent where it is."""
    state = _state(device.get("state"), language)
    silent = device.get("silent_s")
    return f"{state}, {_state('silent', language)} {age_text(silent)}" if silent is not None else state


def _state(state: object, language: str) -> str:
    return catalogue(language).get(f"device.state_{state}") or str(state)


def age_text(seconds: object) -> str:
    """Seconds as the largest whole unit; `-` when it is none."""
    if not isinstance(seconds, int | float):
        return "-"
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size:.0f}{unit}"
    return f"{seconds:.0f}s"


def battery_text(battery: object) -> str:
    """Per cent; `-` when a device never told."""
    return f"{battery:.0f}%" if isinstance(battery, int | float) else "-"


# ---- decisions


def _admit(args: argparse.Namespace, client: NodeClient) -> int:
    return _decide(args, client, accept=True, owner=args.owner)


def _refuse(args: argparse.Namespace, client: NodeClient) -> int:
    return _decide(args, client, accept=False, owner="")


def _decide(args: argparse.Namespace, client: NodeClient, *, accept: bool, owner: str) -> int:
    done = [client.call("device_admit", device=device, accept=accept, owner=owner, by=getpass.getuser()) for device in args.devices]
    return _said(args, done, "cli.device_admitted" if accept else "cli.device_refused")


def _retire(args: argparse.Namespace, client: NodeClient) -> int:
    done = [client.call("device_retire", device=device, by=getpass.getuser()) for device in args.devices]
    return _said(args, done, "device.retired")


def _said(args: argparse.Namespace, done: list[dict[str, object]], key: str) -> int:
    if args.json:
        print_json(done[0] if len(done) == 1 else {"devices": done})
    else:
        for each in done:
            print_line(text(key, args.language, device=each.get("device")))
    return EXIT_OK


ACTIONS: dict[str, Callable[[argparse.Namespace, NodeClient], int]] = {
    "list": _list,
    "show": _show,
    "admit": _admit,
    "refuse": _refuse,
    "retire": _retire,
    "import": import_sheet,
    "export": export_sheet,
    "command": issue,
    "commands": list_commands,
    "command-show": show_command,
    "withdraw": withdraw,
}
VERB = Verb("device", "cli.help_device", add_arguments, run)
