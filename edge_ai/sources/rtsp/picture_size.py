"""Width and height from parameter sets, before a decoder spends memory on them. Called by h264.py, h265.py and mpeg4.py.

Sources: ITU-T H.264 (08/2021) 7.3.2.1.1; ITU-T H.265 (08/2021) 7.3.2.2 and 7.3.3; ISO/IEC 14496-2:2004 6.2.3.
"""

from __future__ import annotations

from edge_ai.errors import SourceError
from edge_ai.reasons import reason
from edge_ai.sources.rtsp.bits import BitReader, without_emulation

PICTURE_PIXELS_MAX = 7680 * 4320
"""8K; a stream that claims more is refused: a decoder would take memory for it."""
PICTURE_SIDE_MIN = 16
"""Pixels; smaller is no camera."""

_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_POC_CYCLE_MAX = 255
_SUB_LAYERS_MAX = 6
_EXTENDED_ASPECT = 15


def check_size(width: int, height: int) -> tuple[int, int]:
    """The size itself; raises SourceError for one that no camera has."""
    if min(width, height) < PICTURE_SIDE_MIN or width * height > PICTURE_PIXELS_MAX:
        raise SourceError(reason("picture-size", width=width, height=height, least=PICTURE_SIDE_MIN, most=f"{PICTURE_PIXELS_MAX:,}"))
    return width, height


def h264_size(sps: bytes) -> tuple[int, int]:
    """Width and height in pixels of an H.264 sequence parameter set with its NAL header."""
    reader = BitReader(without_emulation(sps[1:]))
    chroma = _h264_up_to_size(reader)
    width_mbs, map_units = reader.unsigned() + 1, reader.unsigned() + 1
    frames_only = reader.flag()
    if not frames_only:
        reader.flag()
    reader.flag()
    width, height = width_mbs * 16, map_units * 16 * (1 if frames_only else 2)
    if reader.flag():
        across = 2 if chroma in (1, 2) else 1
        down = (2 if chroma == 1 else 1) * (1 if frames_only else 2)
        left, right, top, bottom = (reader.unsigned() for _ in range(4))
        width, height = width - across * (left + right), height - down * (top + bottom)
    return check_size(width, height)


def _h264_up_to_size(reader: BitReader) -> int:
    """Read up to max_num_ref_frames and its flag; the chroma format."""
    profile, _, _ = reader.bits(8), reader.bits(16), reader.unsigned()
    chroma = _h264_high_part(reader) if profile in _HIGH_PROFILES else 1
    reader.unsigned()
    order_type = reader.unsigned()
    if order_type == 0:
        reader.unsigned()
    elif order_type == 1:
        reader.flag()
        reader.signed()
        reader.signed()
        for _ in range(min(reader.unsigned(), _POC_CYCLE_MAX)):
            reader.signed()
    reader.unsigned()
    reader.flag()
    return chroma


def _h264_high_part(reader: BitReader) -> int:
    chroma = reader.unsigned()
    if chroma == 3:
        reader.flag()
    reader.unsigned()
    reader.unsigned()
    reader.flag()
    if reader.flag():
        for index in range(12 if chroma == 3 else 8):
            if reader.flag():
                _skip_scaling_list(reader, 16 if index < 6 else 64)
    return chroma


def _skip_scaling_list(reader: BitReader, size: int) -> None:
    last, coming = 8, 8
    for _ in range(size):
        if coming:
            coming = (last + reader.signed()) % 256
        last = coming or last


def h265_size(sps: bytes) -> tuple[int, int]:
    """Width and height in pixels of an H.265 sequence parameter set with its NAL header."""
    reader = BitReader(without_emulation(sps[2:]))
    reader.bits(4)
    sub_layers = reader.bits(3)
    reader.flag()
    _skip_profile(reader, sub_layers)
    reader.unsigned()
    chroma = reader.unsigned()
    if chroma == 3:
        reader.flag()
    width, height = reader.unsigned(), reader.unsigned()
    if reader.flag():
        across, down = 2 if chroma in (1, 2) else 1, 2 if chroma == 1 else 1
        left, right, top, bottom = (reader.unsigned() for _ in range(4))
        width, height = width - across * (left + right), height - down * (top + bottom)
    return check_size(width, height)


def _skip_profile(reader: BitReader, sub_layers: int) -> None:
    if sub_layers > _SUB_LAYERS_MAX:
        raise SourceError(reason("sets-layers", count=sub_layers, most=_SUB_LAYERS_MAX))
    reader.bits(96)
    present = [(reader.flag(), reader.flag()) for _ in range(sub_layers)]
    if sub_layers:
        reader.bits(2 * (8 - sub_layers))
    for has_profile, has_level in present:
        reader.bits((88 if has_profile else 0) + (8 if has_level else 0))


def mpeg4_size(layer: bytes) -> tuple[int, int]:
    """Width and height in pixels of a video object layer header; `layer` begins after its start code."""
    reader = BitReader(layer)
    reader.bits(9)
    if reader.flag():
        reader.bits(7)
    if reader.bits(4) == _EXTENDED_ASPECT:
        reader.bits(16)
    if reader.flag():
        reader.bits(3)
        if reader.flag():
            reader.bits(79)
    if reader.bits(2):
        raise SourceError(reason("sets-shape"))
    reader.flag()
    resolution = reader.bits(16)
    reader.flag()
    if reader.flag():
        reader.bits(max(1, (resolution - 1).bit_length()))
    reader.flag()
    width = reader.bits(13)
    reader.flag()
    return check_size(width, reader.bits(13))
