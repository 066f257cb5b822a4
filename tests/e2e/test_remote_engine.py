"""The real engine behind TLS, as on another machine, accepted by its fingerprint."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.errors import EngineCertificateError, EngineTokenError
from rsrefseg_qgis.settings import Settings

TOKEN = "0123456789abcdef" * 4


@pytest.fixture(scope="module")
def served(
    engine_python: Path, engine_weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("tls")
    key, pem = str(folder / "key.pem"), str(folder / "cert.pem")
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    subject = ["-subj", "/CN=engine", "-keyout", key, "-out", pem]
    subprocess.run([*new, *subject], check=True, capture_output=True)
    command = [str(engine_python), "-m", "rsrefseg", "serve", "--tls-cert", pem, "--tls-key", key]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--weights", str(engine_weights)],
            env={**os.environ, "RSREFSEG_TOKEN": TOKEN, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        with process:
            assert process.stdout is not None
            assert process.stdin is not None
            yield json.loads(process.stdout.readline())
            process.stdin.close()


@pytest.fixture
def remote(settings: Settings, served: dict[str, Any]) -> Iterator[EngineManager]:
    settings.engine_url = served["url"]
    settings.engine_token = TOKEN
    settings.engine_fingerprint = served["fingerprint"]
    made = EngineManager(settings)
    yield made
    made.stop()


def test_ready_over_tls(remote: EngineManager) -> None:
    client = remote.ensure()
    assert client.base_url.startswith("https://")
    assert client.health().state == "ready"
    assert remote.pid is None


def test_not_accepted_yet(remote: EngineManager, served: dict[str, Any]) -> None:
    remote.settings.engine_fingerprint = ""
    with pytest.raises(EngineCertificateError) as caught:
        remote.ensure()
    assert served["fingerprint"] in str(caught.value)  # what a user compares and accepts


def test_wrong_token(remote: EngineManager) -> None:
    remote.settings.engine_token = "wrong"
    with pytest.raises(EngineTokenError, match="token"):
        remote.ensure()
