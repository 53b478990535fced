"""The project's own files and sources, as the house tests look at them: nothing here judges."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("sync", "policies", "edge_ai", "node", "tui", "simulations")
FOLDERS = (*PACKAGES, "tests", "docs", "benchmarks", "training", "packaging", ".ci")
GENERATED = frozenset({"sync/wire/yunnao_pb2.py", "sync/wire/yunnao_pb2.pyi"})
BINARY_SUFFIXES = frozenset({".pyc", ".onnx", ".gz", ".png", ".jpg", ".mp4", ".parquet", ".bin", ".arrow", ".db"})

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Function:
    """A function or method of the sources."""

    where: str
    """`path:line name`."""
    length: int
    """Lines from `def` to the end, docstring aside."""


def project_files() -> Iterator[Path]:
    """Every file that is the project's own: what lies at the root and in its known folders."""
    yield from (entry for entry in sorted(ROOT.iterdir()) if entry.is_file())
    for folder in FOLDERS:
        for entry in sorted((ROOT / folder).rglob("*")):
            if entry.is_file() and "__pycache__" not in entry.parts:
                yield entry


def text_files() -> Iterator[tuple[str, str]]:
    """(path under the root, text) of every text file of the project."""
    for entry in project_files():
        if entry.suffix not in BINARY_SUFFIXES:
            yield relative(entry), entry.read_text("utf-8", errors="replace")


def relative(entry: Path) -> str:
    """`entry` as a path under the project root."""
    return entry.relative_to(ROOT).as_posix()


def python_files(*folders: str) -> list[Path]:
    """Python sources below `folders`, generated ones aside."""
    found = (entry for folder in folders for entry in sorted((ROOT / folder).rglob("*.py")))
    return [entry for entry in found if relative(entry) not in GENERATED]


@cache
def parse(entry: Path) -> ast.Module:
    """The syntax tree of a source file."""
    return ast.parse(entry.read_text("utf-8"), filename=relative(entry))


def module_name(entry: Path) -> str:
    """The dotted name under which `entry` is imported."""
    parts = entry.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def functions(entry: Path) -> Iterator[Function]:
    """Every function and method in a source file, nested ones too."""
    for node in ast.walk(parse(entry)):
        if isinstance(node, FunctionNode):
            yield Function(f"{relative(entry)}:{node.lineno} {node.name}", _length(node))


def _length(node: FunctionNode) -> int:
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    head = node.body[0]
    if isinstance(head, ast.Expr) and isinstance(head.value, ast.Constant) and isinstance(head.value.value, str):
        lines -= (head.end_lineno or head.lineno) - head.lineno + 1
    return lines


def imported_names(entry: Path) -> Iterator[str]:
    """Dotted names that a source file imports; `from a import b` gives both `a` and `a.b`."""
    for node in ast.walk(parse(entry)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def string_constants(entry: Path) -> Iterator[str]:
    """Every string literal of a source file."""
    for node in ast.walk(parse(entry)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
