"""What a module's first words say of who uses it is true: a newcomer who follows them must arrive."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import PACKAGES, ROOT, imported_names, module_name, parse, python_files, relative, string_constants

CODE = (*PACKAGES, "benchmarks", "training")
CLAIM = re.compile(r"(Called|Started) by ((?:[^.;]|\.py\b)+)")
"""A claim ends with its sentence or at a semicolon."""
NAMED = re.compile(r"[\w/]+\.py\b")


def claims(docstring: str) -> Iterator[tuple[str, str]]:
    """(`Called` or `Started`, the file that is named) as often as a module says so of itself."""
    for verb, users in CLAIM.findall(" ".join(docstring.split())):
        yield from ((verb, name) for name in NAMED.findall(users))


def found(entry: Path, name: str) -> Path:
    """The file that `name` means: from the root, or beside `entry`."""
    return ROOT / name if "/" in name else entry.parent / name


def is_true(entry: Path, verb: str, user: Path) -> bool:
    """True when `user` imports the module, or names it to start it as a process."""
    if not user.is_file():
        return False
    own = module_name(entry)
    used = {*imported_names(user), *(string_constants(user) if verb == "Started" else ())}
    return any(name == own or name.startswith(f"{own}.") for name in used)


@pytest.mark.parametrize("folder", CODE)
def test_who_calls_or_starts_a_module_is_who_it_says(folder: str) -> None:
    wrong = [
        f"{relative(entry)}: {verb.lower()} by {name}"
        for entry in python_files(folder)
        for verb, name in claims(ast.get_docstring(parse(entry)) or "")
        if not is_true(entry, verb, found(entry, name))
    ]
    assert wrong == []


def test_claims_are_read_as_they_are_written() -> None:
    words = "Does.\n\nCalled by a/one.py, two.py\nand node/x; its table is in three.py. Started by four.py."
    assert list(claims(words)) == [("Called", "a/one.py"), ("Called", "two.py"), ("Started", "four.py")]
