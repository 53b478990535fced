"""The XML of a platform: queries in the encodings that are in use, answers in GB 18030, hostile documents refused before they unfold."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.gb28181.bodies import Query, catalogue_page, device_info, read_query
from node.gb28181.errors import BodyError

DEVICE = "37020200002000000009"
ASKED = Query("Catalog", "17", DEVICE)
PLAIN = f"<Query><CmdType>Catalog</CmdType><SN>17</SN><DeviceID>{DEVICE}</DeviceID></Query>"


@pytest.mark.parametrize(("name", "codec"), [("GB2312", "gb18030"), ("GB18030", "gb18030"), ("UTF-8", "utf-8")])
def test_a_query_is_read_in_every_encoding_in_use(name: str, codec: str) -> None:
    text = f'<?xml version="1.0" encoding="{name}"?>\r\n' + PLAIN.replace("</Query>", "<Name>市南区</Name></Query>")
    assert read_query(text.encode(codec)) == ASKED
    assert read_query(PLAIN.encode()) == ASKED


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'<!DOCTYPE x [<!ENTITY a "aaaa">]><Query>&a;</Query>', "document type"),
        (b"<Query><SN>1</SN>", "no XML"),
        (PLAIN.replace("17", "-1").encode(), "SN"),
        (PLAIN.replace(DEVICE, "x" * 30).encode(), "DeviceID"),
        (PLAIN.replace("Query", "Html").encode(), "no query"),
        (b'<?xml version="1.0" encoding="UTF-7"?>' + PLAIN.encode(), "encoding"),
        (b"<Query>" + b"<a/>" * 100 + b"</Query>", "elements"),
        (b"<Query>" + b" " * 20_000 + b"</Query>", "bytes"),
        (b"\xff\xfe<\x00", "no XML"),
        (b"", "no XML"),
    ],
)
def test_what_is_no_query_is_refused_with_the_reason(body: bytes, words: str) -> None:
    with pytest.raises(BodyError, match=words):
        read_query(body)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_query_or_refused(body: bytes) -> None:
    try:
        read_query(b"<Query>" + body)
    except BodyError:
        return
    raise AssertionError("an unclosed document was read")


def test_a_page_holds_names_of_any_signs() -> None:
    point = {"code": "37020200001320000001", "name": "<路口> & \x00\ue000𠮷", "state": "fault"}
    page = ET.fromstring(catalogue_page(ASKED, [point], total=9, parent=DEVICE).decode("gb18030").partition("?>")[2])
    assert page.findtext("DeviceList/Item/Name") == "<路口> & 𠮷"
    assert (page.findtext("SumNum"), page.findtext("DeviceList/Item/Status")) == ("9", "OFF")


def test_coordinates_of_another_datum_are_left_out() -> None:
    point = {"code": "37020200001320000001", "longitude": 120.5, "latitude": 36.1, "datum": "GCJ-02"}
    assert b"Longitude" not in catalogue_page(ASKED, [point], total=1, parent=DEVICE)
    assert b"<Longitude>120.5" in catalogue_page(ASKED, [point | {"datum": "CGCS2000"}], total=1, parent=DEVICE)


def test_an_empty_directory_is_an_empty_list_and_no_point_too_many() -> None:
    assert b'<DeviceList Num="0">' in catalogue_page(ASKED, [], total=0, parent=DEVICE)
    assert "<Channel>3</Channel>" in device_info(ASKED, name="市", software="1", channels=3).decode("gb18030")
