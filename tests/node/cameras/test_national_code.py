"""National codes: the parts of twenty digits, and the digits that are wrong."""

from __future__ import annotations

import pytest

from node.cameras.errors import CodeRefused
from node.cameras.national_code import build_code, camera_code, read_code


def test_a_code_is_read_by_its_parts_and_written_back() -> None:
    code = read_code("37020200081327000042")
    assert (code.centre, code.industry, code.kind, code.network, code.serial) == ("37020200", 8, 132, 7, 42)
    assert (str(code), code.area, code.is_camera) == ("37020200081327000042", "370202", True)


def test_the_area_is_as_long_as_it_is_said() -> None:
    assert [read_code(f"{centre}001320000001").area for centre in ("37020200", "37020000", "37000000")] == ["370202", "3702", "37"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("3702020008132700004", "20 digits"),
        ("３7020200081327000042", "20 digits"),
        ("99020200081327000042", "no province"),
        ("37020200080007000042", "digits 11 to 13"),
    ],
)
def test_digits_that_are_no_code_are_named(text: str, words: str) -> None:
    with pytest.raises(CodeRefused, match=words):
        read_code(text)


def test_a_recorder_is_no_camera() -> None:
    with pytest.raises(CodeRefused, match="no camera"):
        camera_code("37020200081187000042")


def test_a_code_is_built_of_its_parts() -> None:
    assert str(build_code("3702", serial=7, industry=8)) == "37020000081326000007"
    with pytest.raises(CodeRefused, match="serial"):
        build_code("3702", serial=1_000_000)
    with pytest.raises(CodeRefused, match="centre"):
        build_code("370", serial=1)
