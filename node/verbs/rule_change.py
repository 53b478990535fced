"""`yunnao rule change`: takes a suggestion over into a rule of a running node. Called by rule.py."""

from __future__ import annotations

import argparse
import getpass

from node.cameras.rule_changing import CHANGED_KEYS
from node.client import NodeClient
from node.errors import EXIT_OK
from node.texts import text
from node.verbs.actions import Actions
from node.verbs.output import print_json, print_line

TIMEOUT_S = 30.0


def add_arguments(actions: Actions) -> None:
    """The word and what may follow it."""
    sub = actions.add("change")
    sub.add_argument("camera", metavar="CAMERA", help=actions.help("change_camera"))
    sub.add_argument("rule", metavar="RULE", help=actions.help("change_rule"))
    sub.add_argument("key", metavar="KEY", choices=CHANGED_KEYS, help=actions.help("change_key"))
    sub.add_argument("then", metavar="VALUE", help=actions.help("change_then"))
    sub.add_argument("--by", default="", metavar="NAME", help=actions.help("option_by"))


def run(args: argparse.Namespace) -> int:
    """Change it, and say that it is served."""
    said = {"camera": args.camera, "rule": args.rule, "key": args.key, "then": args.then}
    answer = NodeClient(args.dir).call("rule_change", timeout_s=TIMEOUT_S, by=args.by or getpass.getuser(), **said)
    if args.json:
        print_json(answer)
    else:
        key = "rule.changed" if answer.get("changed") else "rule.same"
        print_line(text(key, args.language, camera=args.camera, rule=args.rule, part=args.key, then=args.then))
    return EXIT_OK
