"""`yunnao rule verdicts`: how often rules of a node's cameras were right, and what would have kept false alarms away. Called by rule.py."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from node.client import NodeClient
from node.errors import EXIT_OK
from node.texts import text
from node.verbs.actions import Actions
from node.verbs.output import list_of, print_json, print_line, print_table

DAYS = 7


def add_arguments(actions: Actions) -> None:
    """The word and what may follow it."""
    sub = actions.add("verdicts")
    sub.add_argument("--camera", default="", metavar="ID", help=actions.help("option_verdict_camera"))
    sub.add_argument("--rule", default="", metavar="RULE", help=actions.help("option_verdict_rule"))
    sub.add_argument("--days", type=int, default=DAYS, metavar="N", help=actions.help("option_days"))


def run(args: argparse.Namespace) -> int:
    """Print counts, and below them each suggestion with the line to put into the rule."""
    answer = NodeClient(args.dir).call("rule_verdicts", camera=args.camera, rule=args.rule, days=args.days)
    if args.json:
        print_json(answer)
        return EXIT_OK
    rules = list_of(answer.get("rules"))
    if not rules:
        print_line(text("rule.verdicts_none", args.language, days=answer.get("days")))
        return EXIT_OK
    keys = ("camera", "rule", "true", "false", "unjudged")
    print_table(text("rule.verdict_columns", args.language).split("|"), [[each.get(key) for key in keys] for each in rules])
    for each in rules:
        _print_suggestions(each, answer.get("false_min"), args.language)
    return EXIT_OK


def _print_suggestions(rule: Mapping[str, object], least: object, language: str) -> None:
    found, false = list_of(rule.get("suggestions")), rule.get("false")
    named = {"camera": rule.get("camera"), "rule": rule.get("rule")}
    if found:
        print_line("")
        print_line(text("rule.suggested", language, **named))
        if not rule.get("true"):
            print_line(text("rule.suggested_blind", language))
    for one in found:
        counts = {key: one.get(key) for key in ("now", "drops", "of")}
        print_line("  " + text(f"rule.suggest_{one.get('key')}", language, then=one.get("then"), true=rule.get("true"), **counts))
        print_line(f"    {one.get('key')} = {one.get('then')}")
    if not found and isinstance(false, int) and isinstance(least, int) and false:
        key = "rule.suggest_too_few" if false < least else "rule.suggest_nothing"
        print_line(text(key, language, false=false, least=least, **named))
