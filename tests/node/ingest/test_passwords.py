"""The password file."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.ingest.errors import PasswordError
from node.ingest.passwords import Passwords, make_entry

pytestmark = pytest.mark.slow


def test_entries_are_checked_and_remembered(tmp_path: Path) -> None:
    path = tmp_path / "passwords"
    path.write_text(f"# devices\n\n{make_entry('传感', 'secret')}\n")
    passwords = Passwords.load(path)
    assert [passwords.check("传感", word) for word in (b"secret", b"secret", b"wrong", None)] == [True, True, False, False]
    assert not passwords.check("other", b"secret")
    assert not passwords.check(None, b"secret")


def test_equal_passwords_have_unequal_entries() -> None:
    assert make_entry("a", "same").split(":")[1:] != make_entry("a", "same").split(":")[1:]


@pytest.mark.parametrize(("user", "password"), [("a:b", "x"), ("", "x"), ("a", ""), ("a\n", "x"), ("a", "x" * 2_000)])
def test_entries_that_cannot_be_kept_are_refused(user: str, password: str) -> None:
    with pytest.raises(PasswordError, match="refused"):
        make_entry(user, password)


@pytest.mark.parametrize("line", ["user", "user:salt", "user:salt:!!", "user:salt:YQ==", "a:b:c:d"])
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "passwords"
    path.write_text(f"# first\n{line}\n")
    with pytest.raises(PasswordError, match=r"passwords:2: "):
        Passwords.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PasswordError, match="cannot be read"):
        Passwords.load(tmp_path / "none")
