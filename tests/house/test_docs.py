"""Whatever a person can type is in the documents: every key of node.toml and every verb of the command line."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import importlib.metadata
import re
from collections.abc import Iterator
from typing import Annotated, get_args, get_origin, get_type_hints

import msgspec
import pytest

from node.api import Api
from node.cli import verb_parser
from node.config.model import File
from node.texts import LANGUAGES
from node.verb import VERB_GROUP, Verb
from node.verbs import BUILT_IN
from policies.words import Mode, National, Reason, Role, Share, Verdict, Way
from sync.model import Fate, Lane, Level, Limits, State
from tests.house.tree import ROOT

NAMED_TEST = re.compile(r"`(tests/[a-z0-9_/]+\.py)(?:::([a-z0-9_]+))?`")
"""A test file in backquotes, with or without a test of it."""


def words_of(document: str) -> set[str]:
    """Words that a document sets as code, in backquotes or in indented or fenced blocks."""
    text = (ROOT / "docs" / document).read_text("utf-8")
    code = [*re.findall(r"`([^`\n]+)`", text), *re.findall(r"^ {4}(.*)$", text, re.MULTILINE), *re.findall(r"```.*?```", text, re.DOTALL)]
    return {word for piece in code for word in re.findall(r"[a-z0-9_][a-z0-9_-]*", piece)}


def config_keys(struct: type[msgspec.Struct]) -> Iterator[str]:
    """Every key of node.toml, sections included."""
    for name, hint in get_type_hints(struct, include_extras=True).items():
        yield name
        inner = get_args(hint)[0] if get_origin(hint) is Annotated else hint
        item = get_args(inner)[0] if get_origin(inner) is list else inner
        if isinstance(item, type) and issubclass(item, msgspec.Struct):
            yield from config_keys(item)


def test_every_config_key_is_documented() -> None:
    keys = {*config_keys(File), *(field.name for field in dataclasses.fields(Limits))}
    assert sorted(keys - words_of("config.md")) == []


def verbs() -> list[Verb]:
    """Every verb of the command line: the built-in ones and those that other packages add."""
    added = importlib.metadata.distribution("yunnao").entry_points.select(group=VERB_GROUP)
    return [*(importlib.import_module(module).VERB for module in BUILT_IN.values()), *(point.load() for point in added)]


def typed_words(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Sub-verbs and long options that a parser takes."""
    for action in parser._actions:
        yield from (option.removeprefix("--") for option in action.option_strings if option.startswith("--"))
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield name
                yield from typed_words(below)


def test_every_verb_and_option_is_documented() -> None:
    typed = {word for verb in verbs() for word in (verb.name, *typed_words(verb_parser(verb, "en")))}
    assert sorted(typed - words_of("cli.md")) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_verb_explains_itself_in_both_languages(language: str) -> None:
    assert [verb.name for verb in verbs() if verb.name not in verb_parser(verb, language).format_help()] == []


def test_every_api_verb_and_argument_is_documented() -> None:
    verbs = Api(None).verbs  # type: ignore[arg-type]
    words = {*verbs, *(name for entry in verbs.values() for name in entry.arguments.__struct_fields__)}
    assert sorted(words - words_of("api.md")) == []


def test_the_glossary_has_every_level_lane_and_state() -> None:
    words = {*(level.word for level in Level), *(lane.word for lane in Lane), *(state.name.lower() for state in State)}
    assert sorted(words - words_of("glossary.md")) == []
    text = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    assert [fate.value for fate in Fate if f"| {fate.value} |" not in text] == []


def test_every_policy_word_is_documented() -> None:
    closed_sets = (Share, Way, Mode, Role, National)
    words = {member.value for kind in closed_sets for member in kind} | {kind.word for kind in (*Verdict, *Reason) if kind.word}
    assert sorted(words - words_of("policy.md")) == []


def test_the_table_of_contents_names_every_page_and_no_other() -> None:
    linked = set(re.findall(r"\]\(([a-z-]+\.md)\)", (ROOT / "docs" / "README.md").read_text("utf-8")))
    assert linked == {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}


def test_every_test_that_a_page_names_exists() -> None:
    named = {match for page in (ROOT / "docs").glob("*.md") for match in NAMED_TEST.findall(page.read_text("utf-8"))}
    assert len(named) > 30
    assert sorted(f"{path}::{name}" for path, name in named if not _has_test(path, name)) == []


def _has_test(path: str, name: str) -> bool:
    file = ROOT / path
    return file.is_file() and (not name or f"def {name}(" in file.read_text("utf-8"))
