from __future__ import annotations

import json
import os
import uuid
from pathlib import Path

import numpy as np
import pytest

TOKEN = "a-token-for-tests"


@pytest.fixture
def headers():
    return {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def service(stand_in):
    from rsrefseg.server.service import EngineService

    made = EngineService(lambda: stand_in)
    assert made.loaded.wait(10)
    yield made
    made.stop(5)


@pytest.fixture
def client(service, headers):
    """A client of the app on the stand-in model."""
    from rsrefseg.server.app import create_app
    from starlette.testclient import TestClient

    app = create_app(service, token=TOKEN)
    with TestClient(app, base_url="http://127.0.0.1", headers=headers) as made:
        yield made


@pytest.fixture
def upload(client, make_raster):
    """Upload a picture with a red square; its id."""

    def put(bands=None, **options):
        if bands is None:
            bands = np.zeros((3, 64, 64), np.uint8)
            bands[0, 10:20, 5:25] = 255
        path = make_raster(bands, **options)
        answer = client.post("/v1/images", content=path.read_bytes())
        assert answer.status_code == 201, answer.text
        return answer.json()["image_id"]

    return put


@pytest.fixture
def segment(client):
    """Ask, with a fresh request id."""

    def ask(image, *phrases, **options):
        body = {
            "request_id": str(uuid.uuid4()),
            "image": image if isinstance(image, dict) else {"id": image},
            "phrases": list(phrases),
            **options,
        }
        return client.post("/v1/segment", json=body)

    return ask


@pytest.fixture
def note():
    """Keep a test's figures for the benchmark that runs it; nothing happens without one."""

    def keep(name, **figures):
        if folder := os.environ.get("RSREFSEG_FIGURES"):
            (Path(folder) / f"{name}.json").write_text(json.dumps(figures), encoding="utf-8")

    return keep
