"""Users and passwords of cameras: apart from addresses, for the owner only, and never in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.cameras.credentials import (
    CREDENTIALS_NAME,
    Credentials,
    read_credentials,
    shown,
    split_credentials,
    with_credentials,
    write_credentials,
)
from node.cameras.errors import CameraRefused

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20)


@settings(max_examples=60, deadline=None)
@given(WORDS, WORDS)
def test_what_is_put_into_an_address_comes_out_of_it(user: str, password: str) -> None:
    address = "rtsp://10.1.2.3:554/a?b=c&d=1"
    whole = with_credentials(address, Credentials(user, password))
    assert split_credentials(whole) == (address, Credentials(user, password))
    assert shown(whole) == address


def test_a_file_of_them_is_for_its_owner_only_and_reads_back(tmp_path: Path) -> None:
    kept = {"gate-1": Credentials("admin", 'a"b\\c]密'), "gate-2": Credentials("root", "")}
    write_credentials(tmp_path, kept)
    assert (tmp_path / CREDENTIALS_NAME).stat().st_mode & 0o777 == 0o600
    assert read_credentials(tmp_path) == kept


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    write_credentials(tmp_path, {"gate-1": Credentials("a", "b")})
    (tmp_path / CREDENTIALS_NAME).chmod(0o640)
    with pytest.raises(CameraRefused, match="chmod 600"):
        read_credentials(tmp_path)


def test_a_damaged_file_is_refused_without_its_words(tmp_path: Path) -> None:
    write_credentials(tmp_path, {})
    (tmp_path / CREDENTIALS_NAME).write_text('[gate]\npassword = "hidden-word\n')
    with pytest.raises(CameraRefused) as refused:
        read_credentials(tmp_path)
    assert "hidden-word" not in str(refused.value)


def test_a_password_is_not_in_the_repr() -> None:
    assert "hidden-word" not in repr(Credentials("admin", "hidden-word"))


def test_addresses_without_a_login_and_devices_stay_as_they_are() -> None:
    assert with_credentials("/dev/video0", Credentials("a", "b")) == "/dev/video0"
    assert with_credentials("rtsp://u:p@h/x", Credentials("a", "b")) == "rtsp://u:p@h/x"
    assert split_credentials("clips/a@b.mp4") == ("clips/a@b.mp4", None)


def test_a_password_needs_a_user_and_no_unseen_signs() -> None:
    with pytest.raises(CameraRefused, match="without a user"):
        Credentials("", "x")
    with pytest.raises(CameraRefused, match="seen"):
        Credentials("a", "b\r\nc")
