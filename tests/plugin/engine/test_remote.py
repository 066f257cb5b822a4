"""A remote engine over TLS on loopback: pinned, expired, renewed, unknown, behind a proxy."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import select
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rsrefseg_qgis.engine import tls
from rsrefseg_qgis.engine.manager import EngineManager, EngineState
from rsrefseg_qgis.engine.wire import ImageRef, SegmentRequest
from rsrefseg_qgis.errors import (
    EngineCertificateError,
    EngineError,
    EngineTokenError,
    EngineUnreachableError,
    EngineVersionError,
    SettingError,
)
from rsrefseg_qgis.settings import Settings

FAKE = Path(__file__).with_name("fake_engine.py")


def openssl(*arguments: str) -> bool:
    return not subprocess.run(["openssl", *arguments], capture_output=True, check=False).returncode


class Certificate:
    """A self-signed certificate and its key."""

    def __init__(self, folder: Path, *, expired: bool = False) -> None:
        folder.mkdir(exist_ok=True)
        self.key, self.pem = folder / "key.pem", folder / "cert.pem"
        request = folder / "request.pem"
        subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
        new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        assert openssl(
            "req", "-new", *new, *subject, "-keyout", f"{self.key}", "-out", f"{request}"
        )
        sign = ("x509", "-req", "-in", f"{request}", "-key", f"{self.key}", "-out", f"{self.pem}")
        sign += ("-copy_extensions", "copy")
        if not expired:
            assert openssl(*sign, "-days", "1")
        else:
            dates = ("-not_before", "20200101000000Z", "-not_after", "20200102000000Z")
            assert openssl(*sign, "-days", "-1") or openssl(*sign, *dates)

    @property
    def fingerprint(self) -> str:
        der = ssl.PEM_cert_to_DER_cert(self.pem.read_text())
        return hashlib.sha256(der).hexdigest()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def expired(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate(tmp_path_factory.mktemp("tls"), expired=True)


@contextmanager
def serving(certificate: Certificate, mode: str = "") -> Iterator[int]:
    """The stand-in behind TLS; gives its port."""
    environment = {
        **os.environ,
        "RSREFSEG_TOKEN": "secret",
        "FAKE_ENGINE": mode,
        "FAKE_TLS": f"{certificate.pem}{os.pathsep}{certificate.key}",
    }
    with subprocess.Popen(
        [sys.executable, str(FAKE)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield int(json.loads(process.stdout.readline())["port"])
        process.stdin.close()


@pytest.fixture
def remote(settings: Settings) -> Iterator[EngineManager]:
    settings.engine_token = "secret"
    made = EngineManager(settings)
    yield made
    made.stop()


def ask(manager: EngineManager, port: int, host: str = "localhost") -> int:
    manager.settings.engine_url = f"https://{host}:{port}/"
    request = SegmentRequest("r", ImageRef(id="x"), ("roof",))
    return manager.ensure().segment(request).windows


def test_a_pinned_self_signed_certificate(remote: EngineManager, certificate: Certificate) -> None:
    remote.settings.engine_fingerprint = tls.show_fingerprint(certificate.fingerprint)
    with serving(certificate) as port:
        assert ask(remote, port) == 1
        assert ask(remote, port, "127.0.0.1") == 1  # pinned: the name adds nothing
        assert remote.state is EngineState.READY
        assert remote.is_remote
        assert remote.pid is None
        events = list(remote.ensure().events("r"))
    assert events[-1].kind == "done"


def test_an_unknown_certificate_names_its_fingerprint(
    remote: EngineManager, certificate: Certificate
) -> None:
    with serving(certificate) as port, pytest.raises(EngineCertificateError) as caught:
        ask(remote, port)
    assert caught.value.fingerprint == certificate.fingerprint
    assert tls.show_fingerprint(certificate.fingerprint) in str(caught.value)


def test_another_certificate_than_the_pinned_one(
    remote: EngineManager, certificate: Certificate, tmp_path: Path
) -> None:
    remote.settings.engine_fingerprint = Certificate(tmp_path / "other").fingerprint
    with (
        serving(certificate) as port,
        pytest.raises(EngineCertificateError, match="another certificate") as caught,
    ):
        ask(remote, port)
    assert caught.value.fingerprint == certificate.fingerprint


def test_a_certificate_renewed_while_connected(
    remote: EngineManager, certificate: Certificate, tmp_path: Path
) -> None:
    remote.settings.engine_fingerprint = certificate.fingerprint
    with serving(certificate) as port:
        client = remote._remote_client(config_of(remote, port))
        assert client.health().state == "ready"
        client._transport.close()
        transport = client._transport
        transport._port = 0
    with serving(Certificate(tmp_path / "new")) as port:
        transport._port = port
        with pytest.raises(EngineCertificateError, match="another certificate"):
            client.health()


def config_of(manager: EngineManager, port: int):
    from rsrefseg_qgis.engine.manager import EngineConfig

    manager.settings.engine_url = f"https://localhost:{port}"
    return EngineConfig.from_settings(manager.settings)


@pytest.mark.parametrize("pinned", [True, False])
def test_an_expired_certificate(
    remote: EngineManager, expired: Certificate, pinned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if pinned:
        remote.settings.engine_fingerprint = expired.fingerprint
    else:  # one that an authority vouched for
        monkeypatch.setattr(tls, "qgis_authorities", lambda: expired.pem.read_text())
    with serving(expired) as port, pytest.raises(EngineCertificateError, match="has expired"):
        ask(remote, port)


def test_an_authority_of_qgis_settings(
    remote: EngineManager, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "qgis_authorities", lambda: certificate.pem.read_text())
    with serving(certificate) as port:
        assert ask(remote, port) == 1
        with pytest.raises(EngineCertificateError, match="another name"):
            ask(remote, port, "127.0.0.1")


def test_wrong_token(remote: EngineManager, certificate: Certificate) -> None:
    remote.settings.engine_fingerprint = certificate.fingerprint
    remote.settings.engine_token = "another"
    with serving(certificate) as port, pytest.raises(EngineTokenError, match="token"):
        ask(remote, port)
    assert remote.state is EngineState.FAILED


def test_version_that_does_not_fit(remote: EngineManager, certificate: Certificate) -> None:
    remote.settings.engine_fingerprint = certificate.fingerprint
    with (
        serving(certificate, "new_api") as port,
        pytest.raises(EngineVersionError, match="update the plugin"),
    ):
        ask(remote, port)


def test_plain_http_where_tls_is_wanted(remote: EngineManager) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(EngineCertificateError, match="no TLS connection"):
            ask(remote, server.getsockname()[1])
        thread.join()


def test_nobody_there(remote: EngineManager) -> None:
    remote.settings.engine_fingerprint = "0" * 64
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(EngineUnreachableError, match="Nothing answers"):
        ask(remote, port, "127.0.0.1")


def test_unknown_name(remote: EngineManager) -> None:
    with pytest.raises(EngineUnreachableError, match="not known"):
        ask(remote, 8443, "no-such-host.invalid")


@pytest.mark.parametrize("text", ["abc", "g" * 64, "0" * 63])
def test_no_fingerprint(remote: EngineManager, text: str) -> None:
    remote.settings.engine_fingerprint = text
    with pytest.raises(SettingError, match="64 digits"):
        ask(remote, 1)


def test_fingerprints_as_people_paste_them() -> None:
    digits = "0a" * 32
    shown = tls.show_fingerprint(digits)
    for text in (digits, shown, f"SHA256:{shown}", f"sha256 Fingerprint={shown}\n", f" {shown} "):
        assert tls.parse_fingerprint(text) == digits
    assert tls.parse_fingerprint(" ") == ""


def test_a_token_is_not_sent_in_the_clear(remote: EngineManager) -> None:
    remote.settings.engine_url = "http://192.0.2.1:8000"
    with pytest.raises(SettingError, match="https://"):
        remote.ensure()


class Tunnel(http.server.BaseHTTPRequestHandler):
    """A proxy that lets connections through for those who know its password."""

    def log_message(self, *args: object) -> None:
        pass

    def do_CONNECT(self) -> None:
        if self.headers.get("Proxy-Authorization") != "Basic bWU6cHc=":
            self.send_error(407)
            return
        port = self.path.split(":")[1]
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        with socket.create_connection(("127.0.0.1", int(port))) as upstream:
            self.send_response(200)
            self.end_headers()
            ends = [self.connection, upstream]
            while True:
                for end in select.select(ends, [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        self.close_connection = True
                        return
                    ends[1 - ends.index(end)].sendall(data)


@pytest.fixture
def proxy(remote: EngineManager) -> Iterator[list[str]]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tunnel)
    server.daemon_threads = True
    server.asked = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    wanted = {
        "proxyEnabled": "true",
        "proxyType": "HttpProxy",
        "proxyHost": "127.0.0.1",
        "proxyPort": str(server.server_port),
        "proxyUser": "me",
        "proxyPassword": "pw",
    }
    for key, value in wanted.items():
        remote.settings.store().setValue(f"proxy/{key}", value)
    yield server.asked  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> str:
    """A name that is this machine's but not known as loopback."""
    name = "engine.example"
    real = socket.getaddrinfo

    def getaddrinfo(host: str, *rest: object, **more: object) -> object:
        return real("127.0.0.1" if host == name else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return name


def test_the_proxy_of_qgis_settings(
    remote: EngineManager, certificate: Certificate, proxy: list[str]
) -> None:
    remote.settings.engine_fingerprint = certificate.fingerprint
    with serving(certificate) as port:
        assert ask(remote, port, "engine.example") == 1  # a name that only the proxy knows
        assert set(proxy) == {f"engine.example:{port}"}
        before = len(proxy)
        assert ask(remote, port, "localhost") == 1
        assert len(proxy) == before


def test_a_proxy_that_refuses(
    remote: EngineManager, certificate: Certificate, proxy: list[str]
) -> None:
    remote.settings.store().setValue("proxy/proxyPassword", "wrong")
    with pytest.raises(EngineUnreachableError, match="proxy did not let"):
        ask(remote, 8443, "engine.example")
    assert proxy == []


def test_excluded_from_the_proxy(
    remote: EngineManager, proxy: list[str], elsewhere: str, certificate: Certificate
) -> None:
    remote.settings.engine_fingerprint = certificate.fingerprint
    remote.settings.store().setValue("proxy/noProxyUrls", f"https://{elsewhere}")
    with serving(certificate) as port:
        assert ask(remote, port, elsewhere) == 1
    assert proxy == []


def test_a_kind_of_proxy_that_cannot_be_used(remote: EngineManager, proxy: list[str]) -> None:
    remote.settings.store().setValue("proxy/proxyType", "Socks5Proxy")
    with pytest.raises(SettingError, match="Socks5Proxy"):
        ask(remote, 8443, "engine.example")


def test_every_failure_is_one_sentence_per_remedy(
    remote: EngineManager, certificate: Certificate
) -> None:
    with serving(certificate) as port, pytest.raises(EngineError) as caught:
        ask(remote, port)
    assert "\n" not in str(caught.value)
    assert "Traceback" not in str(caught.value)
