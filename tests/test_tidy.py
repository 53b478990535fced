"""The style we care about as tests: sizes, leftovers, docstrings, dead files, and paths and addresses that must not be here."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.metadata
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.verbs import BUILT_IN
from tests.house.tree import (
    PACKAGES,
    ROOT,
    functions,
    imported_names,
    module_name,
    parse,
    project_files,
    python_files,
    relative,
    string_constants,
    text_files,
)

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 60
FUNCTION_LINES_P90_MAX = 30
COPY_BYTES_MIN = 1_000
"""Files below this size may be equal by chance."""
CODE = (*PACKAGES, "tests", "benchmarks", "training")
COMMAND_LINE = re.compile(r"node/cli|\w+/(?:\w+/)*verb\.py")
"""The modules whose stdout is a person's or a script's: the command line and the verbs that other packages add to it."""
MARKS = ("TO" + "DO", "FIX" + "ME", "XX" + "X")
LEFTOVER = re.compile(rf"\b(?:{'|'.join(MARKS)})\b")
MACHINE_PATH = re.compile(r"(?<![\w.}/-])/(?:home|root|Users|work|mnt|opt/pypi)/[\w.]")
INDEX_ADDRESS = re.compile(r"\w+://\S+|--(?:extra-)?index-url|--find-links")
SHARED = ROOT.parent / "shared"
SHARED_CODE_PATH = "../sha" + "red"


@pytest.mark.parametrize("folder", CODE)
def test_no_file_is_longer_than_the_stop(folder: str) -> None:
    sizes = {relative(entry): len(entry.read_text("utf-8").splitlines()) for entry in python_files(folder)}
    assert {name: lines for name, lines in sizes.items() if lines > FILE_LINES_MAX} == {}


@pytest.mark.parametrize("folder", CODE)
def test_no_function_is_longer_than_the_stop(folder: str) -> None:
    long = [function for entry in python_files(folder) for function in functions(entry) if function.length > FUNCTION_LINES_MAX]
    assert long == []


@pytest.mark.parametrize("package", PACKAGES)
def test_nine_functions_of_ten_are_short(package: str) -> None:
    lengths = sorted(function.length for entry in python_files(package) for function in functions(entry))
    p90 = lengths[len(lengths) * 9 // 10] if lengths else 0
    assert p90 <= FUNCTION_LINES_P90_MAX


def test_nothing_is_left_over() -> None:
    found = [f"{name}: {match[0]}" for name, text in text_files() for match in LEFTOVER.finditer(text)]
    assert found == []


@pytest.mark.parametrize("package", PACKAGES)
def test_only_the_command_line_prints_and_nothing_breaks_in(package: str) -> None:
    found = [f"{relative(entry)}:{line} {name}" for entry in python_files(package) for line, name in _calls(entry)]
    printing = [call for call in found if call.endswith(" print") and not COMMAND_LINE.match(call)]
    breaking = [call for call in found if call.endswith((" breakpoint", " set_trace"))]
    assert printing + breaking == []


def _calls(entry: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(parse(entry)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield node.lineno, node.func.id if isinstance(node.func, ast.Name) else node.func.attr


@pytest.mark.parametrize("folder", CODE)
def test_every_module_says_what_it_owns(folder: str) -> None:
    assert [relative(entry) for entry in python_files(folder) if not ast.get_docstring(parse(entry))] == []


@pytest.mark.parametrize("entry", [entry for entry in python_files(*PACKAGES) if entry.name == "__init__.py"], ids=relative)
def test_every_name_a_package_exports_exists(entry: Path) -> None:
    module = importlib.import_module(module_name(entry))
    names = list(getattr(module, "__all__", ()))
    assert [name for name in names if not hasattr(module, name)] == []
    assert len(names) == len(set(names))


def test_no_file_names_a_path_of_some_machine() -> None:
    assert [f"{name}: {match[0]}" for name, text in text_files() for match in MACHINE_PATH.finditer(text)] == []


@pytest.mark.parametrize("parts", [("", "home", "ann", "x"), ("", "root", ".cache"), ("at /Users", "li")])
def test_a_path_of_some_machine_is_recognised(parts: tuple[str, ...]) -> None:
    assert MACHINE_PATH.search("/".join(parts))


@pytest.mark.parametrize("text", ["/var/lib/yunnao/x", "docs/home/page", "{root}/work/x", "../work/x"])
def test_other_paths_are_left_alone(text: str) -> None:
    assert not MACHINE_PATH.search(text)


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_no_lock_file_names_an_index(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")
    assert "--hash=sha256:" in text
    assert INDEX_ADDRESS.findall(text) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_shipped_code_never_reads_the_shared_folder(package: str) -> None:
    found = [relative(entry) for entry in python_files(package) if any(SHARED_CODE_PATH in text for text in string_constants(entry))]
    assert found == []


def test_no_shared_file_is_copied_into_the_project() -> None:
    if not SHARED.is_dir():
        pytest.skip("no shared folder beside this checkout")
    large = [entry for entry in project_files() if entry.stat().st_size >= COPY_BYTES_MIN]
    sizes = {entry.stat().st_size for entry in large}
    shared = {_sha256(entry): entry for entry in SHARED.rglob("*") if entry.is_file() and entry.stat().st_size in sizes}
    assert [f"{relative(entry)} is {shared[_sha256(entry)].name}" for entry in large if _sha256(entry) in shared] == []


def _sha256(entry: Path) -> str:
    return hashlib.sha256(entry.read_bytes()).hexdigest()


def test_no_module_is_dead() -> None:
    entries = python_files(*PACKAGES)
    used = _entry_points()
    for entry in entries:
        own = module_name(entry)
        used |= {name for name in (*imported_names(entry), *string_constants(entry)) if name != own}
    modules = [entry for entry in entries if entry.name not in {"__init__.py", "__main__.py"}]
    assert [relative(entry) for entry in modules if module_name(entry) not in used] == []


def _entry_points() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    groups = [project["scripts"], *project["entry-points"].values()]
    return {target.partition(":")[0] for group in groups for target in group.values()} | set(BUILT_IN.values())


def test_every_entry_point_can_be_loaded() -> None:
    points = importlib.metadata.distribution("yunnao").entry_points
    assert {point.value for point in points} >= {"node.cli:main", "tui.verb:VERB", "simulations.verb:VERB", "simulations.demo.verb:VERB"}
    assert all(point.load() is not None for point in points)
