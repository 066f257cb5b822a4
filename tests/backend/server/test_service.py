"""Many at once on one service: who waits, who is cancelled, what the log says."""

from __future__ import annotations

import dataclasses
import logging
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest


@pytest.fixture
def gate(stand_in):
    """Hold every encoding until the event is set."""
    release, started = threading.Event(), threading.Event()

    def wait():
        started.set()
        assert release.wait(10)

    stand_in.on_encode = wait
    release.started = started
    yield release
    release.set()


@pytest.fixture
def pool():
    with ThreadPoolExecutor(8) as made:
        yield made


def encode(client, image, request_id, view, extent=None, who="me"):
    body = {"request_id": request_id, "image": {"id": image}, "view": view, "extent": extent}
    return client.post("/v1/encode", json=body, headers={"X-Client-Id": who})


def test_a_view_that_moved_on_cancels_the_older_encode(client, upload, gate, pool, stand_in):
    image = upload()
    first = pool.submit(encode, client, image, "e1", "canvas")
    assert gate.started.wait(5)
    other = pool.submit(encode, client, image, "e2", "canvas", None, "somebody-else")
    start = time.monotonic()
    newer = pool.submit(
        encode, client, image, "e3", "canvas", [350_000, 3_049_990, 350_010, 3_050_000]
    )
    answer = first.result(5)
    assert time.monotonic() - start < 1
    assert (answer.status_code, answer.json()["error"]["code"]) == (499, "cancelled")
    assert "newer" in answer.json()["error"]["message"]
    gate.set()
    assert newer.result(5).status_code == 200
    assert other.result(5).status_code == 200


def test_cancel_answers_within_200_ms_while_the_device_is_busy(client, upload, gate, pool):
    image = upload()

    def ask(request_id):
        body = {"request_id": request_id, "image": {"id": image}, "phrases": ["red"]}
        answer = client.post("/v1/segment", json=body)
        return answer, time.monotonic()

    running, waiting = pool.submit(ask, "running"), pool.submit(ask, "waiting")
    assert gate.started.wait(5)
    health = client.get("/v1/health").json()
    assert health["queue"]["running"] + health["queue"]["waiting"] == 2
    for request_id, future in (("running", running), ("waiting", waiting)):
        start = time.monotonic()
        assert client.post(f"/v1/requests/{request_id}/cancel").status_code == 202
        answer, end = future.result(5)
        assert answer.status_code == 499
        assert end - start < 0.4  # 0.2 and what a busy machine takes to say so


def test_redrawing_does_not_wait_for_the_device(client, upload, segment, stand_in, pool):
    asked = segment(upload(), "red").json()
    release, started = threading.Event(), threading.Event()
    stand_in.on_encode = lambda: (started.set(), release.wait(10))
    other = pool.submit(segment, upload(np.zeros((3, 30, 30), np.uint8)), "red")
    assert started.wait(5)
    path = f"/v1/requests/{asked['request_id']}/polygons"
    assert client.post(path, json={"threshold": 0.2}).json()["results"] == asked["results"]
    release.set()
    assert other.result(5).status_code == 200


def test_a_request_ends_at_its_time_limit(client, upload, segment, gate):
    start = time.monotonic()
    answer = segment(upload(), "red", time_limit_s=0.2)
    assert time.monotonic() - start < 2
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "time_limit")
    gate.set()
    assert segment(upload(), "red").status_code == 200


def test_the_log_names_every_request(client, upload, caplog):
    caplog.set_level(logging.INFO, "rsrefseg.server")
    body = {"request_id": "named-1", "image": {"id": upload()}, "phrases": ["red"]}
    client.post("/v1/segment", json=body, headers={"X-Client-Id": "qgis-7"})
    client.post("/v1/segment", json={**body, "request_id": "named-2", "phrases": [" "]})
    client.post("/v1/requests/named-1/polygons", json={"threshold": 0.4})
    lines = [record.getMessage() for record in caplog.records]
    assert any("request named-1 of client qgis-7 done" in line for line in lines)
    assert any("request named-2" in line and "failed" in line for line in lines)
    assert any("request named-1: POST /v1/requests/named-1/polygons 200" in line for line in lines)
    assert any(re.match(r"request [0-9a-f]{12}: POST /v1/images 201 ", line) for line in lines)


def test_what_runs_outside_the_queues_has_a_time_limit_too(service, client, upload, segment):
    asked = segment(upload(), "red").json()
    service.limits = dataclasses.replace(service.limits, request_s=0.0)
    square = {"type": "Polygon", "coordinates": [[[0, 0], [9, 0], [9, 9], [0, 0]]]}
    for path, body in (
        (f"/v1/requests/{asked['request_id']}/polygons", {"threshold": 0.2}),
        ("/v1/regularise", {"geometries": [square]}),
    ):
        answer = client.post(path, json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (504, "time_limit")


def test_a_body_that_takes_too_long_to_come_is_given_up(stand_in, headers):
    from rsrefseg.server.app import create_app
    from rsrefseg.server.images import Limits
    from rsrefseg.server.service import EngineService
    from starlette.testclient import TestClient

    service = EngineService(lambda: stand_in, Limits(request_s=0.0))
    app = create_app(service, token="a-token-for-tests")
    with TestClient(app, base_url="http://127.0.0.1", headers=headers) as client:
        answer = client.post("/v1/images", content=b"II*")
    assert service.stop(5)
    assert (answer.status_code, answer.json()["error"]["code"]) == (408, "slow_body")


def test_requests_wait_for_a_model_that_is_being_loaded(stand_in, headers, make_raster, pool):
    from rsrefseg.server.app import create_app
    from rsrefseg.server.service import EngineService
    from starlette.testclient import TestClient

    release = threading.Event()

    def load():
        assert release.wait(10)
        return stand_in

    service = EngineService(load)
    app = create_app(service, token="a-token-for-tests")
    path = str(make_raster(np.zeros((3, 8, 8), np.uint8)))
    with TestClient(app, base_url="http://127.0.0.1", headers=headers) as client:
        body = {"request_id": "w", "image": {"path": path}, "phrases": ["red"]}
        waiting = pool.submit(client.post, "/v1/segment", json=body)
        leaving = pool.submit(client.post, "/v1/segment", json={**body, "request_id": "l"})
        time.sleep(0.2)
        assert client.get("/v1/health").json()["state"] == "loading"
        client.post("/v1/requests/l/cancel")
        assert leaving.result(5).status_code == 499
        release.set()
        assert waiting.result(5).status_code == 200
    assert service.stop(5)


def test_what_the_model_had_to_do_without_is_said(upload, segment, stand_in):
    stand_in.notices = ("The GPU's memory did not suffice.",)
    assert "The GPU's memory did not suffice." in segment(upload(), "red").json()["warnings"]
