"""What a cell of a list of cameras may say: an address that can be opened, words that can be shown."""

from __future__ import annotations

from datetime import date

import pytest

from node.cameras.errors import CameraRefused
from node.cameras.list_sheet import LIST_FORM, entered
from node.catalogue.cells import text_of

WHOLE = "rtsp://admin:p%2Fw@10.1.2.3:554/live/1?channel=1"


def read(column: str, typed: str) -> object:
    """A cell as a sheet and the command line read it."""
    return LIST_FORM.readers[column](text_of(typed))


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (WHOLE, WHOLE),
        (f"  {WHOLE}\n", WHOLE),
        ("RTSP://10.1.2.3/Live", "rtsp://10.1.2.3/Live"),
        ("\u202artsp://10.1.2.3/live\u202c", "rtsp://10.1.2.3/live"),
        ("rtsp://[fe80::1]:8554/街", "rtsp://[fe80::1]:8554/街"),
        ("/dev/video0", "/dev/video0"),
        ("clips/街 1.mp4", "clips/街 1.mp4"),
    ],
)
def test_an_address_that_can_be_opened_is_kept_as_it_means(typed: str, kept: str) -> None:
    assert read("source", typed) == kept


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("rtsp://u:p@h:99999/x", "HOST"),
        ("rtsp:///x", "HOST"),
        ("rtsp://10.0.0.1/a\nb", "spaces"),
        ("rtsp://10.0.0.1/" + "x" * 3_000, "too many"),
        ("rtsp://u:12/34@h/x", "%40"),
        ("rtsp://u:pass/word@h/x", "%XX"),
        ("rtsp://u:12#34@h/x", "%23"),
        ("rtsp://u:12?34@h/x", "%40"),
        ("rtsp://10.1.2/x", "four numbers"),
        ("rtsps://10.0.0.1/x", "TLS"),
        ("http://10.0.0.1/x.jpg", "rtsp://HOST/PATH"),
        ("file:///etc/passwd", "rtsp://HOST/PATH"),
        ("concat:/etc/passwd|/etc/hosts", "rtsp://HOST/PATH"),
        ("subfile,,start,0,end,10,,:/etc/passwd", "rtsp://HOST/PATH"),
        ("pipe:0", "rtsp://HOST/PATH"),
        ("data:;base64,AAAA", "rtsp://HOST/PATH"),
        ("/clips/\udcff.mp4", "not seen"),
    ],
)
def test_what_cannot_be_opened_is_refused_and_nothing_of_it_is_repeated(typed: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        read("source", typed)
    assert not {"12/34", "12#34", "12?34", "pass/word", "passwd"} & set(str(refused.value).split())


@pytest.mark.parametrize(("typed", "words"), [("a\udcff", "not seen"), ("x" * 201, "201 characters")])
def test_words_that_cannot_be_shown_are_refused(typed: str, words: str) -> None:
    for column in ("name", "place", "algorithm"):
        with pytest.raises(ValueError, match=words):
            read(column, typed)


@pytest.mark.parametrize("typed", [3.702020000132e19, "3.70202E+19"])
def test_a_code_that_a_spreadsheet_shortened_is_told_so(typed: object) -> None:
    with pytest.raises(ValueError, match="format the column as text"):
        LIST_FORM.readers["code"](text_of(typed))


def test_what_makes_an_address_only_with_a_host_is_never_left_unsaid() -> None:
    before = entered({"id": "g-1", "vendor": "dahua", "host": "10.0.0.1"}, None).entry
    for alone in ("vendor", "port", "channel", "stream"):
        with pytest.raises(CameraRefused, match=f"{alone} refused, they say nothing without a host"):
            entered({"id": "g-1", "name": "北门", alone: {"vendor": "axis", "stream": "main"}.get(alone, "2")}, before)
    assert entered({"id": "g-1", "name": "北门"}, before).entry.source == before.source


def test_an_id_that_a_spreadsheet_made_a_date_is_told_so() -> None:
    with pytest.raises(ValueError, match="is a date"):
        LIST_FORM.readers["id"](text_of(date(2026, 5, 1)))


def test_a_name_in_two_lines_is_one_line() -> None:
    assert read("name", "北门\n球机\x1b") == "北门 球机"
