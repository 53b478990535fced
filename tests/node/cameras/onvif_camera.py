"""A simulated ONVIF camera on loopback: answers a probe by UDP and SOAP over HTTP, with a clock of its own and a digest that it checks."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer

USER, PASSWORD = "admin", "hidden-word"
CLOCK = "2011-03-04T05:06:07"
"""What the camera believes: nobody ever set it."""


def soap(body: str) -> bytes:
    """An answer."""
    head = '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:t="t">'
    return f'<?xml version="1.0"?>{head}<e:Body>{body}</e:Body></e:Envelope>'.encode()


def match(message_id: str, service: str) -> bytes:
    """An answer to a probe."""
    return (
        f'<e:Envelope xmlns:e="e" xmlns:w="w" xmlns:d="d"><e:Header><w:RelatesTo>uuid:{message_id}</w:RelatesTo></e:Header>'
        "<e:Body><d:ProbeMatches><d:ProbeMatch><w:EndpointReference><w:Address>urn:uuid:cam-1</w:Address></w:EndpointReference>"
        "<d:Scopes>onvif://www.onvif.org/name/North%20Gate onvif://www.onvif.org/hardware/X1</d:Scopes>"
        f"<d:XAddrs>ftp://x {service}</d:XAddrs></d:ProbeMatch></d:ProbeMatches></e:Body></e:Envelope>"
    ).encode()


@dataclass
class Camera:
    """Running from `start` to `stop`."""

    junk: list[bytes] = field(default_factory=list)
    """Datagrams sent before the answer."""
    answers: dict[str, bytes] = field(default_factory=dict)
    """By name of the question, instead of its own answer."""
    created: list[str] = field(default_factory=list)
    """What the tokens of requests said."""
    asked: list[str] = field(default_factory=list)

    def start(self) -> None:
        """Listen on free ports of loopback."""
        self.http = HTTPServer(("127.0.0.1", 0), _handler(self))
        self.line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.line.bind(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self.http.serve_forever, args=(0.01,)), threading.Thread(target=self._probed)]
        for thread in self._threads:
            thread.start()

    @property
    def service(self) -> str:
        """Address of its device service."""
        return f"http://127.0.0.1:{self.http.server_port}/onvif/device_service"

    @property
    def target(self) -> tuple[str, int]:
        """Where it listens for probes."""
        return ("127.0.0.1", self.line.getsockname()[1])

    def stop(self) -> None:
        """End both threads."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"end", self.target)
        self.http.shutdown()
        for thread in self._threads:
            thread.join()
        self.http.server_close()
        self.line.close()

    def _probed(self) -> None:
        while (received := self.line.recvfrom(65_507))[0] != b"end":
            data, asker = received
            found = re.search(rb"uuid:([0-9a-f-]+)", data)
            assert found is not None
            for datagram in (*self.junk, match(found[1].decode(), self.service)):
                self.line.sendto(datagram, asker)

    def answer(self, asked: str) -> bytes:
        """To a SOAP request."""
        name = re.search(r"<(Get\w+) ", asked)
        assert name is not None, asked
        self.asked.append(name[1])
        if name[1] in self.answers:
            return self.answers[name[1]]
        if name[1] == "GetSystemDateAndTime":
            year, month, day, hour, minute, second = re.split("[-T:]", CLOCK)
            time = f"<t:Time><t:Hour>{hour}</t:Hour><t:Minute>{minute}</t:Minute><t:Second>{second}</t:Second></t:Time>"
            date = f"<t:Date><t:Year>{year}</t:Year><t:Month>{month}</t:Month><t:Day>{day}</t:Day></t:Date>"
            return soap(f"<t:UTCDateTime>{time}{date}</t:UTCDateTime>")
        if not self._is_known(asked):
            return soap("<e:Fault><e:Code><e:Subcode><e:Value>ter:NotAuthorized</e:Value></e:Subcode></e:Code></e:Fault>")
        return soap(self._facts(name[1], asked))

    def _facts(self, name: str, asked: str) -> str:
        if name == "GetCapabilities":
            return f"<t:Media><t:XAddr>{self.service.replace('device', 'media')}</t:XAddr></t:Media>"
        if name == "GetProfiles":
            sizes = {"p0": (1920, 1080), "p1": (640, 360)}
            size_of = "<t:Encoding>H264</t:Encoding><t:Width>{}</t:Width><t:Height>{}</t:Height>".format
            video = "<t:VideoEncoderConfiguration>{}</t:VideoEncoderConfiguration>".format
            named = {token: f"<t:Name>{token}</t:Name>{video(size_of(*size))}" for token, size in sizes.items()}
            return "".join(f'<t:Profiles token="{token}">{facts}</t:Profiles>' for token, facts in named.items())
        token = re.search(r"<ProfileToken>(\w+)<", asked)
        assert token is not None
        return f"<t:Uri>rtsp://u:secret@127.0.0.1/{token[1]}</t:Uri>"

    def _is_known(self, asked: str) -> bool:
        parts = [re.search(f"<{tag}(?: [^>]*)?>([^<]*)<", asked) for tag in ("s:Username", "s:Password", "s:Nonce", "u:Created")]
        if not all(parts):
            return False
        user, given, nonce, created = (part[1] for part in parts if part is not None)
        self.created.append(created)
        proof = hashlib.sha1(base64.b64decode(nonce) + created.encode() + PASSWORD.encode()).digest()
        return user == USER and base64.b64decode(given) == proof and created.startswith(CLOCK[:13])


def _handler(camera: Camera) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = camera.answer(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(500 if b"Fault" in data else 200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
            """Nothing is logged."""

    return Handler
