"""Identity on disk: modes, refusals, renewal of the leaf."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.identity.errors import KeyFileError
from node.identity.files import IdentityFiles
from tests.node.identity.family import CITY, DAY_US, NOW_US, PROVINCE, make_node


def test_private_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    files = make_node(tmp_path, PROVINCE)
    keys = sorted((files.folder / "keys").iterdir())
    assert [key.name for key in keys] == ["ca_key.pem", "manifest_key.pem", "pseudonym_secret", "root_key.pem", "tls_key.pem"]
    assert {key.stat().st_mode & 0o777 for key in keys} == {0o600}


def test_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    files = make_node(tmp_path, PROVINCE)
    files.key("tls").chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        files.tls()


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    files = make_node(tmp_path, PROVINCE)
    with pytest.raises(KeyFileError, match="exists already"):
        files.make(PROVINCE, now_us=NOW_US)


def test_node_without_keys_is_told_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="yunnao init"):
        IdentityFiles(tmp_path).tls()


def test_incarnation_is_drawn_once_and_kept(tmp_path: Path) -> None:
    files = make_node(tmp_path, CITY)
    assert files.incarnation() == files.incarnation() != 0
    assert not files.is_certified


def test_renewed_leaf_lives_longer_and_keeps_the_manifest_key(tmp_path: Path) -> None:
    files = make_node(tmp_path, PROVINCE)
    before = files.own(now_us=NOW_US)
    files.renew_leaf(PROVINCE, now_us=NOW_US + 50 * DAY_US)
    after = files.own(now_us=NOW_US + 100 * DAY_US)
    assert after.manifest_key == before.manifest_key
