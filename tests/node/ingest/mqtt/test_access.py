"""Who may come as whom and say what: rules, client ids, device names, and certificates over a real TLS handshake."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiomqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from node.ingest.door import Door
from node.ingest.errors import CertificateError
from node.ingest.mqtt.access import Access, AccessRule
from node.ingest.mqtt.packets import Connect, Refusal, Will
from node.ingest.mqtt.tls import server_context
from node.ingest.sink import Message, Verdict
from tests.node.ingest.mqtt.stand import connect, reading_json
from tests.node.ingest.parts import ListSink, make_bench, running_door

TOPIC = "air-quality/reading/x"


def signed(name: str, key: ec.EllipticCurvePrivateKey, issuer: tuple[str, ec.EllipticCurvePrivateKey] | None = None) -> x509.Certificate:
    """A certificate of `name` for localhost, by `issuer` or by itself as an authority."""
    start = datetime(2020, 1, 1, tzinfo=UTC)
    by, by_key = issuer or (name, key)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, by)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .sign(by_key, hashes.SHA256())
    )


def write(folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> tuple[Path, Path]:
    """PEM files of a certificate and its key."""
    pem, key_pem = folder / f"{name}.pem", folder / f"{name}.key"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_pem.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return pem, key_pem


class Authority:
    """A certificate authority, the door's server context that trusts it, and clients by name."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder, self._name = folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.pem, _ = write(folder, name, signed(name, self._key), self._key)

    def files(self, name: str) -> tuple[Path, Path]:
        """A certificate of `name` and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        return write(self._folder, name, signed(name, key, (self._name, self._key)), key)

    def server(self) -> ssl.SSLContext:
        """With tls_client_ca."""
        return server_context(*self.files("localhost"), client_ca=self.pem)

    def client(self, files: tuple[Path, Path] | None) -> ssl.SSLContext:
        """A client that trusts the authority and shows a certificate, or none."""
        context = ssl.create_default_context(cafile=str(self.pem))
        if files is not None:
            context.load_cert_chain(*files)
        return context


def test_without_a_rule_an_identity_is_its_own_device_and_nobody_else() -> None:
    access = Access()
    rights = access.rights_of("pump-7", "pump-7")
    assert [access.may_come("pump-7", client) for client in ("pump-7", "pump-7/2", "pump-70", "pump-8", "*")] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert [rights.speaks_for(name) for name in ("pump-7", "pump-7/inlet", "pump-7:1", "pump-70", "pump-8", "")] == [True] * 3 + [False] * 3


def test_a_rule_names_topics_devices_and_client_ids() -> None:
    access = Access([AccessRule("gw", ("air/%u/#", "air/+/%c"), ("air-*",), ("%u", "%u-?"))])
    rights = access.rights_of("gw", "gw-1")
    assert [access.may_come("gw", client) for client in ("gw", "gw-1", "gw-12", "x")] == [True, True, False, False]
    assert [rights.may_publish(topic) for topic in ("air/gw/a/b", "air/x/gw-1", "air/x/gw-2", "water/gw")] == [True, True, False, False]
    assert [rights.speaks_for(name) for name in ("air-1", "gw", "water-1")] == [True, False, False]


def test_a_name_with_wildcards_means_itself() -> None:
    access = Access([AccessRule("*")])
    rights = access.rights_of("a*[b]?", "a*[b]?")
    assert access.may_come("a*[b]?", "a*[b]?")
    assert not access.may_come("a*[b]?", "axbx")
    assert [rights.speaks_for(name) for name in ("a*[b]?", "axbx")] == [True, False]


def test_anonymous_clients_and_the_open_profile_are_free() -> None:
    for rights in (Access().rights_of("", "any"), Access(is_open=True).rights_of("pump-7", "any")):
        assert rights.is_free
        assert rights.may_publish("any/topic")
        assert rights.speaks_for("any")


def test_nobody_takes_the_session_or_leaves_the_will_of_another() -> None:
    door = Door([], ListSink(), passwords=None, anonymous=True, access=Access([AccessRule("*", ("air/%u",), clients=("*",))]))
    asked = Connect("shared", 0, False, "pump-7", b"")
    door.sessions.open(asked, "shared", "pump-7", Access().rights_of("pump-7", "shared"))
    assert door.may_come(asked, "shared", "pump-8") is Refusal.NOT_PERMITTED
    assert door.may_come(asked, "shared", "pump-7") is None
    with_will = Connect("c", 0, False, "pump-7", b"", will=Will("water/x", b"", 0, False))
    assert door.may_come(with_will, "c", "pump-7") is Refusal.NOT_PERMITTED


def test_readings_of_other_devices_and_topics_are_rejects_with_their_reason(tmp_path: Path) -> None:
    bench = make_bench(tmp_path)
    rights = Access([AccessRule("d1", ("air-quality/#",))]).rights_of("d1", "d1")
    messages = [Message(TOPIC, reading_json(device=name)) for name in ("d1", "d2")] + [Message("traffic-flow/reading/d1", reading_json())]
    verdicts = bench.intake.submit("d1", messages, lambda: None, rights=rights)
    assert verdicts == {1: Verdict.NOT_ADMITTED, 2: Verdict.NOT_ADMITTED}
    bench.commit()
    assert [row["device"] for row in bench.rows] == ["d1"]
    assert bench.devices.known("d2") is None
    assert bench.intake.counts["not_permitted"] == 2
    bench.close()


def test_a_device_that_the_list_binds_to_somebody_is_nobody_elses(tmp_path: Path) -> None:
    bench = make_bench(tmp_path)
    assert bench.intake.submit("any", [Message(TOPIC, reading_json(1))], lambda: None) == {}
    device = bench.devices.known("d1")
    assert device is not None
    device.card = replace(device.card, user="pump-7")
    gateway = Access([AccessRule("gw", devices=("*",))])
    for identity, verdicts in (("", {0: Verdict.NOT_ADMITTED}), ("gw", {0: Verdict.NOT_ADMITTED}), ("pump-7", {})):
        rights = replace(gateway.rights_of(identity, "c"), devices=("*",))
        assert bench.intake.submit("c", [Message(TOPIC, reading_json(2))], lambda: None, rights=rights) == verdicts
    bench.commit()
    assert [row["value"] for row in bench.rows] == [1.0, 2.0]
    bench.close()


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    pem, key = Authority(tmp_path).files("localhost")
    with pytest.raises(CertificateError, match=r"authority .*nowhere.pem cannot be used"):
        server_context(pem, key, client_ca=tmp_path / "nowhere.pem")
    key.write_text("not a key")
    with pytest.raises(CertificateError, match=r"with key .*localhost.key cannot be used"):
        server_context(pem, key, client_ca=None)


@pytest.mark.slow
async def test_a_certificate_is_the_identity(tmp_path: Path) -> None:
    authority, sink = Authority(tmp_path), ListSink()
    context = authority.client(authority.files("pump-7"))
    async with running_door(sink, anonymous=False, tls=authority.server()) as (door, port):
        async with aiomqtt.Client("localhost", port, identifier="pump-7", tls_context=context) as client:
            await client.publish(TOPIC, b"1", qos=1)
        for identifier, username, tls in (
            ("pump-8", None, context),
            ("pump-7", "admin", context),
            ("pump-7", None, authority.client(None)),
        ):
            with pytest.raises(aiomqtt.MqttError):
                async with aiomqtt.Client("localhost", port, identifier=identifier, username=username, tls_context=tls):
                    pass
        assert (door.refused["not_permitted"], door.refused["bad_credentials"]) == (1, 2)
    rights = sink.rights[0]
    assert rights is not None
    assert rights.speaks_for("pump-7")


@pytest.mark.slow
async def test_a_certificate_of_another_authority_is_refused_in_the_handshake(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "stranger")
    context = authority.client(other.files("pump-7"))
    async with running_door(ListSink(), tls=authority.server()) as (door, port):
        said = b""
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("localhost", port, ssl=context)
            writer.write(connect("pump-7"))
            said = await asyncio.wait_for(reader.read(4), 5)
        assert (said, list(door.clients)) == (b"", [])
