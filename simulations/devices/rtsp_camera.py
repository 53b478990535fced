"""A simulated RTSP camera on loopback: serves clips over TCP with interleaved RTP, with faults on demand.

It refuses UDP (461), as cameras behind a firewall do. Called by cameras_verb.py and by tests.
Source: RFC 2326; Digest by RFC 2617 and RFC 7616.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from urllib.parse import quote

from edge_ai.errors import SourceError
from edge_ai.sources.rtsp.codec import Codec
from edge_ai.sources.rtsp.framing import VERSION, Interleaved, Message, RtspReader, encode_message, encode_packet
from simulations.devices.rtsp_clip import Clip
from simulations.devices.rtsp_packets import PAYLOAD_TYPE, RtpWriter, payloads_of

HOST = "127.0.0.1"
SESSION_S = 60
CLOCK_HZ = 90_000
HOUR_TICKS = 3_600 * CLOCK_HZ
RECEIVE_BYTES = 65_536
SLOW_S = 0.7
"""How long a slow camera takes for each answer."""
HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
_WORD = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')


class CameraFault(StrEnum):
    """What may be wrong with a camera."""

    SILENT = "silent"
    """Takes the connection and never answers."""
    STALL = "stall"
    """Plays for `after_s`, then sends nothing and keeps the connection."""
    FLAP = "flap"
    """Closes the connection after `after_s`."""
    LOSS = "loss"
    """`share` of its packets never arrive."""
    CORRUPT = "corrupt"
    """`share` of its packets are marked as damaged."""
    RESIZE = "resize"
    """Takes the next clip after `after_s`."""
    JUMP = "jump"
    """Its clock jumps an hour ahead and back, every `after_s`."""
    SLOW = "slow"
    """Takes its time for every answer."""
    ABSURD = "absurd"
    """Announces pictures of 65,520 x 65,520; with H.264 only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraOptions:
    """One camera."""

    clips: tuple[Clip, ...]
    """The second is for RESIZE."""
    faults: frozenset[CameraFault] = frozenset()
    after_s: float = 10.0
    share: float = 0.02
    user: str = ""
    password: str = field(default="", repr=False)
    algorithm: str = "MD5"
    fps: float | None = None
    """None: the clip's own."""
    seed: int = 0


@dataclass(slots=True)
class CameraCounts:
    """What a camera has seen."""

    connections: int = 0
    plays: int = 0
    logins_refused: int = 0
    renewals: int = 0
    teardowns: int = 0


class SimulatedCamera:
    """Serves until it is closed."""

    def __init__(self, options: CameraOptions) -> None:
        self.options = options
        self.counts = CameraCounts()
        self.port = 0
        self._server: asyncio.Server | None = None
        self._writers: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._rng = Random(options.seed)  # noqa: S311 - faults and numbers, not keys

    @property
    def url(self) -> str:
        """Its address, with user and password."""
        login = f"{quote(self.options.user, safe='')}:{quote(self.options.password, safe='')}@" if self.options.user else ""
        return f"rtsp://{login}{HOST}:{self.port}/main"

    @property
    def url_shown(self) -> str:
        """Its address for people, without a login."""
        return f"rtsp://{HOST}:{self.port}/main"

    async def start(self, port: int = 0) -> None:
        """Listen; 0 takes any port."""
        self._server = await asyncio.start_server(self._serve, HOST, port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Pull the plug: nobody is told."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers.values():
            writer.transport.abort()
        await asyncio.gather(*self._writers)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a server runs in a task"
        self._writers[task] = writer
        self.counts.connections += 1
        try:
            # A connection that breaks, or a peer that speaks something else, ends this session and no other.
            with contextlib.suppress(ConnectionError, SourceError):
                await _Session(self, reader, writer, Random(self._rng.getrandbits(64))).run()  # noqa: S311 - as above
        finally:
            self._writers.pop(task, None)
            writer.close()


class _Session:
    """One connection."""

    def __init__(self, camera: SimulatedCamera, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rng: Random) -> None:
        self._camera = camera
        self._options = camera.options
        self._reader = reader
        self._writer = writer
        self._rng = rng
        self._messages = RtspReader()
        self._nonce = f"{rng.getrandbits(64):016x}"
        self._player: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Answer until the other side is gone."""
        try:
            while data := await self._reader.read(RECEIVE_BYTES):
                self._messages.feed(data)
                while (item := self._messages.next_item()) is not None:
                    if not isinstance(item, Interleaved) and CameraFault.SILENT not in self._options.faults:
                        await self._answer(item)
        finally:
            if self._player is not None:
                self._player.cancel()

    async def _answer(self, request: Message) -> None:
        if CameraFault.SLOW in self._options.faults:
            await asyncio.sleep(SLOW_S)
        method, url, _ = request.first
        status, headers, body = self._judged(method, url, request)
        if status == "200 OK" and method == "PLAY" and self._player is None:
            self._camera.counts.plays += 1
            self._player = asyncio.create_task(self._play())
        self._writer.write(encode_message(f"{VERSION} {status}", {"CSeq": request.header("cseq"), **headers}, body))
        await self._writer.drain()

    def _judged(self, method: str, url: str, request: Message) -> tuple[str, dict[str, str], bytes]:
        counts = self._camera.counts
        if method != "OPTIONS" and self._options.user and not self._is_let_in(method, request):
            counts.logins_refused += 1
            asked = f'Digest realm="camera", nonce="{self._nonce}", qop="auth", algorithm={self._options.algorithm}'
            return "401 Unauthorized", {"WWW-Authenticate": asked}, b""
        if method == "DESCRIBE":
            return "200 OK", {"Content-Type": "application/sdp", "Content-Base": url + "/"}, describe(self._options).encode()
        if method == "SETUP" and "RTP/AVP/TCP" not in request.header("transport"):
            return "461 Unsupported Transport", {}, b""
        if method == "SETUP":
            return "200 OK", {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1", "Session": f"1;timeout={SESSION_S}"}, b""
        counts.renewals += method == "GET_PARAMETER"
        counts.teardowns += method == "TEARDOWN"
        return "200 OK", {"Public": "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER", "Session": "1"}, b""

    def _is_let_in(self, method: str, request: Message) -> bool:
        words = {name: quoted or bare for name, quoted, bare in _WORD.findall(request.header("authorization"))}
        options = self._options

        def hashed(text: str) -> str:
            return HASHES[options.algorithm](text.encode(), usedforsecurity=False).hexdigest()

        secret = hashed(f"{options.user}:camera:{options.password}")
        request_hash = hashed(f"{method}:{words.get('uri')}")
        proof = f"{secret}:{self._nonce}:{words.get('nc')}:{words.get('cnonce')}:auth:{request_hash}"
        return words.get("username") == options.user and words.get("response") == hashed(proof)

    async def _play(self) -> None:
        loop, options = asyncio.get_running_loop(), self._options
        writer, base = RtpWriter(self._rng.getrandbits(32), self._rng.getrandbits(16)), self._rng.getrandbits(32)
        began = due = loop.time()
        while True:
            turn = int((loop.time() - began) / options.after_s)
            clip = options.clips[turn % len(options.clips) if CameraFault.RESIZE in options.faults else 0]
            for number, picture in enumerate(sendable(clip, is_absurd=CameraFault.ABSURD in options.faults)):
                await asyncio.sleep(due - loop.time())
                turn_now = int((loop.time() - began) / options.after_s)
                if turn_now and options.faults & {CameraFault.STALL, CameraFault.FLAP}:
                    if CameraFault.FLAP in options.faults:
                        self._writer.close()
                    return
                if turn_now != turn and CameraFault.RESIZE in options.faults:
                    break
                each_s = 1 / (options.fps or clip.fps)
                shown_s = due - began + each_s * (clip.shown_at(number) - number)
                self._send(writer, picture, clip.codec, base + round(shown_s * CLOCK_HZ) + self._jump(turn_now))
                await self._writer.drain()
                due += each_s

    def _jump(self, turn: int) -> int:
        """An hour ahead in every fourth turn, an hour behind in another."""
        return {1: HOUR_TICKS, 3: -HOUR_TICKS}.get(turn % 4, 0) if CameraFault.JUMP in self._options.faults else 0

    def _send(self, writer: RtpWriter, picture: Sequence[bytes], codec: Codec, timestamp: int) -> None:
        payloads = list(payloads_of(picture, codec))
        for index, payload in enumerate(payloads):
            is_hit = self._rng.random() < self._options.share
            if is_hit and CameraFault.LOSS in self._options.faults:
                writer.lose()
                continue
            if is_hit and CameraFault.CORRUPT in self._options.faults:
                payload = bytes([payload[0] | 0x80]) + payload[1:]
            packet = writer.packet(payload, timestamp=timestamp, is_last=index == len(payloads) - 1)
            self._writer.write(encode_packet(0, packet))


def sendable(clip: Clip, *, is_absurd: bool = False) -> Iterator[Sequence[bytes]]:
    """The pictures of a clip, key ones with their parameter sets."""
    if is_absurd:
        bare = tuple(tuple(nal for nal in picture if nal[0] & 0x1F != ABSURD_SET[0] & 0x1F) for picture in clip.pictures)
        clip = Clip(clip.codec, clip.fps, (ABSURD_SET,), bare, clip.keys)
    sets = clip.sets
    for number, picture in enumerate(clip.pictures):
        if number not in clip.keys or not sets:
            yield picture
        elif clip.codec is Codec.MPEG4:
            yield (b"".join((*sets, *picture)),)
        else:
            yield (*sets, *picture)


def _absurd_set() -> bytes:
    """An H.264 sequence parameter set, baseline, of 4,095 x 4,095 macroblocks."""

    def coded(value: int) -> str:
        digits = f"{value + 1:b}"
        return "0" * (len(digits) - 1) + digits

    bits = coded(0) + coded(0) + coded(2) + coded(1) + "0" + coded(4_094) + coded(4_094) + "11" + "00" + "1"
    bits += "0" * (-len(bits) % 8)
    return bytes([0x67, 66, 0, 51]) + int(bits, 2).to_bytes(len(bits) // 8, "big")


ABSURD_SET = _absurd_set()


def describe(options: CameraOptions) -> str:
    """The session description: RFC 8866, with parameter sets as RFC 6184, RFC 7798 and RFC 6416 have them."""
    clip = options.clips[0]
    lines = ["v=0", f"o=- 1 1 IN IP4 {HOST}", "s=camera", "t=0 0", "a=control:*", f"m=video 0 RTP/AVP {PAYLOAD_TYPE}"]
    lines += [f"a=rtpmap:{PAYLOAD_TYPE} {clip.codec.value}/{CLOCK_HZ}", f"a=framerate:{options.fps or clip.fps:g}"]
    if parameters := _parameters(clip):
        lines.append(f"a=fmtp:{PAYLOAD_TYPE} {parameters}")
    return "\r\n".join([*lines, "a=control:track1", ""])


def _parameters(clip: Clip) -> str:
    if not clip.sets:
        return ""
    if clip.codec is Codec.MPEG4:
        return f"profile-level-id=1;config={clip.sets[0].hex()}"
    texts = [base64.b64encode(unit).decode() for unit in clip.sets]
    if clip.codec is Codec.H264:
        return f"packetization-mode=1;sprop-parameter-sets={','.join(texts)}"
    names = {32: "sprop-vps", 33: "sprop-sps", 34: "sprop-pps"}
    return ";".join(f"{names[unit[0] >> 1 & 0x3F]}={text}" for unit, text in zip(clip.sets, texts, strict=True))
