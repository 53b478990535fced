"""National codes of cameras and platforms: twenty digits after GB/T 28181-2016 annex D (annex E of the 2022 edition).

Owns what the digits mean: eight of the centre (province, city, county, place below it), two of the industry, three of the kind of device,
one of the network, six of the serial number. Refuses codes whose province or kind does not exist; that a code's area is where its camera
stands is not checked, because codes stay when areas are cut anew. Pure. Called by the list of cameras, the directory and node/gb28181.
"""

from __future__ import annotations

from dataclasses import dataclass

from node.cameras.errors import CodeRefused

CODE_DIGITS = 20
PROVINCES = frozenset(
    {*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66), 71, 81, 82}
)
"""First two digits, GB/T 2260."""
CAMERA_KINDS = frozenset({131, 132})
"""Camera, network camera."""
KIND_MIN, KIND_MAX = 111, 599
"""Kinds of devices (111-199), platforms (200-299), users (300-499) and servers (500-599)."""


@dataclass(frozen=True, slots=True)
class NationalCode:
    """A code by its parts."""

    centre: str
    """Eight digits; below the county, 00 stands for none."""
    industry: int
    """0-7 public security and traffic, 8 city management, 9 environment, ...; reserved ones are taken as they come."""
    kind: int
    network: int
    """0-4 surveillance networks, 5 public security, 6 government, 7 internet, 8 social resources."""
    serial: int

    @property
    def is_camera(self) -> bool:
        """True when what it names has a picture."""
        return self.kind in CAMERA_KINDS

    @property
    def area(self) -> str:
        """The code of the county or what is above it: six, four or two digits, as territories are written."""
        digits = self.centre[:6]
        while digits.endswith("00") and len(digits) > 2:
            digits = digits[:-2]
        return digits

    def __str__(self) -> str:
        return f"{self.centre}{self.industry:02d}{self.kind:03d}{self.network}{self.serial:06d}"


def read_code(text: str) -> NationalCode:
    """The parts of a code. Raises CodeRefused saying which digits are wrong."""
    if len(text) != CODE_DIGITS or not (text.isascii() and text.isdigit()):
        raise CodeRefused(f"{text[:40]!r} is no national code: {CODE_DIGITS} digits, such as 37020200001310000001")
    if int(text[:2]) not in PROVINCES:
        raise CodeRefused(f"national code {text} begins with {text[:2]}, which is no province: look at its first two digits")
    kind = int(text[10:13])
    if not KIND_MIN <= kind <= KIND_MAX:
        allowed = f"{KIND_MIN} to {KIND_MAX}, 131 or 132 for cameras"
        raise CodeRefused(f"national code {text} has kind {text[10:13]}: digits 11 to 13 are {allowed}")
    return NationalCode(text[:8], int(text[8:10]), kind, int(text[13]), int(text[14:]))


def camera_code(text: str) -> str:
    """A code that names a camera, as text. Raises CodeRefused."""
    code = read_code(text)
    if not code.is_camera:
        raise CodeRefused(f"national code {text} has kind {code.kind}, which is no camera: digits 11 to 13 are 131 or 132")
    return str(code)


def build_code(centre: str, *, serial: int, industry: int = 0, kind: int = 132, network: int = 6) -> NationalCode:
    """A code of its parts; `centre` of 2, 4, 6 or 8 digits is filled up with zeros. Raises CodeRefused."""
    if not (centre.isascii() and centre.isdigit() and len(centre) in (2, 4, 6, 8)):
        raise CodeRefused(f"centre {centre[:20]!r} refused: 2, 4, 6 or 8 digits of the area")
    if not (0 <= serial <= 999_999 and 0 <= industry <= 99 and 0 <= network <= 9):
        raise CodeRefused(f"serial {serial}, industry {industry} and network {network} refused: at most 999999, 99 and 9")
    return read_code(f"{centre:0<8}{industry:02d}{kind:03d}{network}{serial:06d}")
