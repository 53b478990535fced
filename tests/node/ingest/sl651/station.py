"""Frames of stations as they are published, and frames as a station makes them.

The published ones stand in an explanation of SL 651-2014 that many sites repeat (blog.csdn.net, article 127638544); the head of the uniform
report in the test of an open decoder (there without its check value); the hourly one follows the layout that a maker of stations publishes
(gnsy.com, article 307).
"""

from __future__ import annotations

from node.ingest.sl651.frame import ETX, START, STX, crc16

HEARTBEAT = bytes.fromhex("7E7E01001234567812342F0008020003591011155111036BCA")
HEARTBEAT_WITH_START_INSIDE = bytes.fromhex("7E7E00987654321012342F0008027E0822101110074703C3AE")
TEST = bytes.fromhex(
    "7E7E010012345678123430002B020003591011154947F1F1001234567848F0F0591011154920190000052619000005392300000127381211150320FA"
)
TEST_ANSWER = bytes.fromhex("7E7E00123456780112343080080200035910111549471B75D4")
TIMED = bytes.fromhex(
    "7E7E05001122334403E832002B020034170718110016F1F1001122334448F0F01707181100201900004026190000403923000104903812109903A421"
)
TIMED_ANSWER = bytes.fromhex("7E7E00112233440503E83280080200341707181100161BE5D4")
ASCII_HEARTBEAT = b"\x0101001234567812342F0010\x020005170718110035\x03E593"
ASCII_TEST = b"\x0106001234123404D230004D\x020019170718111204ST 0012341234 H TT 1707181112 PJ 0.5 PT 0.5 Z 0.301 VT 10.91 \x03FDEE"
"""Both in ASCII, published in the sister article (132556389)."""
STATION = "0012345678"
UNIFORM_HEAD = "0EE6200925020552F1F1005566771248F0F02009250105041800000522193922"


def framed(function: int, body: str, *, station: str = STATION, password: str = "1234", begin: int = STX) -> bytes:
    """A frame with a body in hex digits, serial number and time of sending included."""
    content = bytes.fromhex(body)
    head = START + b"\x01" + bytes.fromhex(station + password) + bytes([function]) + len(content).to_bytes(2, "big")
    frame = head + bytes([begin]) + content + bytes([ETX])
    return frame + crc16(frame).to_bytes(2, "big")


def ascii_report(text: str, *, function: int = 0x32, sent: str = "231115061320") -> bytes:
    """A report in ASCII."""
    body = f"0001{sent}{text}".encode()
    frame = b"\x01" + f"01{STATION}1234{function:02X}{len(body):04X}".encode() + b"\x02" + body + b"\x03"
    return frame + f"{crc16(frame):04X}".encode()


def report(elements: str, *, function: int = 0x32, sent: str = "231115061320", observed: str = "2311150613") -> bytes:
    """A report of the station with elements in hex digits."""
    return framed(function, f"0001{sent}F1F1{STATION}48F0F0{observed}{elements}")
