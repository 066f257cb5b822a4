"""Listening to other machines: TLS or a word that it is meant, a token that nobody guesses."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import ssl
import subprocess
import sys
from http.client import HTTPSConnection

import pytest
from rsrefseg.errors import ConfigError
from rsrefseg.server import binding
from rsrefseg.server.binding import Access

STRONG = "0123456789abcdef" * 2


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for localhost, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return cert, key


def test_this_machine_alone_needs_no_more():
    for host in ("127.0.0.1", "localhost", "::1"):
        binding.check_access(Access(host), "short")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_other_machines_need_tls_or_a_word_that_it_is_meant(host, certificate):
    with pytest.raises(ConfigError, match="--insecure"):
        binding.check_access(Access(host), STRONG)
    binding.check_access(Access(host, insecure=True), STRONG)
    binding.check_access(Access(host, tls_cert=certificate[0], tls_key=certificate[1]), STRONG)


@pytest.mark.parametrize("token", ["", "secret", "a" * 64, STRONG[:-1], "abcdefghij-KLMNOPQRS"])
def test_other_machines_need_a_token_that_nobody_guesses(token):
    with pytest.raises(ConfigError, match="128 random bits"):
        binding.check_access(Access("0.0.0.0", insecure=True), token)


def test_the_tokens_it_makes_are_good():
    assert binding.token_bits(binding.new_token()) >= 128
    assert binding.new_token() != binding.new_token()
    assert binding.token_bits(STRONG) == 128


def test_certificates_that_cannot_be_used_are_refused_at_once(certificate, tmp_path):
    cert, key = certificate
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    for access in (
        Access(tls_cert=cert),
        Access(tls_key=key),
        Access(tls_cert=bad, tls_key=key),
        Access(tls_cert=cert, tls_key=bad),
        Access(tls_cert=tmp_path / "absent", tls_key=key),
    ):
        with pytest.raises(ConfigError):
            binding.check_access(access, STRONG)


def test_names_that_it_may_be_called_by():
    local = binding.allowed_names(Access())
    assert "localhost" in local
    assert socket.gethostname().lower() not in local - {"localhost"}
    other = binding.allowed_names(Access("0.0.0.0", names=("Engine.Example",)))
    assert {"engine.example", socket.gethostname().lower()} <= other
    assert binding.is_address("192.0.2.7")
    assert binding.is_address("[::1]")
    assert not binding.is_address("192.0.2.7.evil.example")


def test_any_address_of_a_public_engine_is_its_own_but_no_strange_name(service, headers):
    from rsrefseg.server.app import create_app
    from starlette.testclient import TestClient

    app = create_app(service, token="a-token-for-tests", hosts=("engine",), any_address=True)
    with TestClient(app, base_url="http://engine", headers=headers) as client:
        for host, status in (("192.0.2.7:80", 200), ("engine:1", 200), ("evil.example", 403)):
            assert client.get("/v1/health", headers={"Host": host}).status_code == status


def test_https_with_a_fingerprint_to_compare(certificate, tmp_path):
    """The whole process: it says the fingerprint that a client then sees."""
    cert, key = certificate
    process = subprocess.Popen(
        [sys.executable, "-m", "rsrefseg", "serve", "--tls-cert", str(cert), "--tls-key",
         str(key), "--weights", str(tmp_path / "none")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"}, text=True,
    )  # fmt: skip
    with process:
        ready = json.loads(process.stdout.readline())
        assert ready["url"].startswith("https://127.0.0.1:")
        trusting = ssl.create_default_context(cafile=cert)
        connection = HTTPSConnection("127.0.0.1", ready["port"], context=trusting, timeout=30)
        connection.request(
            "GET", "/v1/health", headers={"Authorization": f"Bearer {ready['token']}"}
        )
        seen = hashlib.sha256(connection.sock.getpeercert(binary_form=True)).hexdigest().upper()
        assert connection.getresponse().status == 200
        connection.close()
        assert ready["fingerprint"].replace(":", "") == seen
        stranger = HTTPSConnection("127.0.0.1", ready["port"], timeout=30)
        with pytest.raises(ssl.SSLCertVerificationError):
            stranger.request("GET", "/v1/ready")
        stranger.close()
        process.stdin.close()
        process.stdin = None
        assert process.wait(90) == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--host", "0.0.0.0"], "other machines could read along"),
        (["--tls-cert", "x.pem"], "TLS needs a certificate and its key"),
    ],
)
def test_the_command_says_what_is_missing(arguments, says):
    done = subprocess.run(
        [sys.executable, "-m", "rsrefseg", "serve", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr
