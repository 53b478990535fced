"""The helpers of the house tests see what they claim to see."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house import tree

SOURCE = '''"""Module."""
import a.b
from c import d


def short():
    """One line.

    And more.
    """
    return "text"


class Thing:
    async def long(self):
        def inner():
            return 1
        return inner
'''


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source file in a project of its own."""
    monkeypatch.setattr(tree, "ROOT", tmp_path)
    folder = tmp_path / "sync"
    folder.mkdir()
    (folder / "__init__.py").touch()
    entry = folder / "module.py"
    entry.write_text(SOURCE, "utf-8")
    return entry


def test_a_docstring_does_not_count_in_the_length_of_a_function(source: Path) -> None:
    found = {function.where.split()[1]: function.length for function in tree.functions(source)}
    assert found == {"short": 2, "long": 4, "inner": 2}


def test_imports_give_the_module_and_the_name_in_it(source: Path) -> None:
    assert list(tree.imported_names(source)) == ["a.b", "c", "c.d"]


def test_string_literals_are_found(source: Path) -> None:
    assert "text" in list(tree.string_constants(source))


def test_a_file_has_the_name_it_is_imported_under(source: Path) -> None:
    assert tree.module_name(source) == "sync.module"
    assert tree.module_name(source.parent / "__init__.py") == "sync"


def test_the_project_walk_finds_sources_and_root_files(source: Path) -> None:
    (source.parents[1] / "yunnao").write_text("script", "utf-8")
    assert [name for name, _ in tree.text_files()] == ["yunnao", "sync/__init__.py", "sync/module.py"]
