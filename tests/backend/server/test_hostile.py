"""Broken and hostile uploads: one sentence or a right answer, no word leaves, nothing is read."""

from __future__ import annotations

import http.server
import threading
import time

import numpy as np
import psutil
import pytest

from tests.support import hostile

NAMES = sorted(hostile.corpus("", ""))
# What is odd but an image; the rest must be refused.
SOUND = {
    "NaN and Inf",
    "all nodata",
    "no CRS",
    "no place at all",
    "far off the Earth",
    "degrees beyond the pole",
    "one pixel",
    "one row",
}
# Their header is sound: what is wrong shows when the pixels are read.
LATE = {
    "cut in the pixels",
    "cut by a byte",
    "packed and cut",
    "packed and flipped",
    "jpeg without jpeg",
    "lzw of rubbish",
    "strip beyond the end",
    "wrong types",
    "3 bits",
}
GROWTH_BYTES = 400_000_000


@pytest.fixture(scope="module")
def trap():
    """A web server on this machine that notes whoever calls."""
    calls = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            calls.append(self.path)
            self.send_error(404)

        do_HEAD = do_GET  # noqa: N815 - http.server calls it so

        def log_message(self, *_args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    server.calls = calls
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def uploads(trap, make_raster):
    secret = make_raster(np.full((3, 32, 32), 255, np.uint8), name="secret.tif")
    return hostile.corpus(f"http://127.0.0.1:{trap.server_port}/x.tif", str(secret))


def test_there_are_enough_of_them():
    assert len(NAMES) >= 40


@pytest.mark.parametrize("name", NAMES)
def test_an_upload_is_answered_or_refused_in_a_sentence(client, segment, uploads, trap, name):
    before = psutil.Process().memory_info().rss
    start = time.process_time()  # not the clock, which other programs may hold up
    answer = client.post("/v1/images", content=uploads[name]())
    if answer.status_code == 201:
        assert name in SOUND | LATE, "it should have been refused"
        answer = segment(answer.json()["image_id"], "red")
    assert time.process_time() - start < 10
    assert psutil.Process().memory_info().rss - before < GROWTH_BYTES
    assert trap.calls == []
    if answer.status_code == 200:
        assert name in SOUND | LATE
        return
    assert answer.status_code in (413, 422), answer.text
    error = answer.json()["error"]
    assert error["code"] in ("bad_raster", "too_large", "bad_extent")
    assert error["message"].endswith(".")
    assert "Traceback" not in answer.text
    assert "secret" not in answer.text
    assert name not in SOUND


def test_the_service_is_well_after_all_of_them(client, segment, upload, uploads):
    for make in uploads.values():
        client.post("/v1/images", content=make())
    assert len(segment(upload(), "red").json()["results"][0]["features"]) == 1


def test_paths_are_read_only_where_allowed(stand_in, headers, make_raster, tmp_path):
    from rsrefseg.server.app import create_app
    from rsrefseg.server.images import Limits
    from rsrefseg.server.service import EngineService
    from starlette.testclient import TestClient

    allowed, other = tmp_path / "allowed", tmp_path / "other"
    for folder in (allowed, other):
        folder.mkdir()
    picture = np.zeros((3, 16, 16), np.uint8)
    inside = make_raster(picture, name="allowed/in.tif")
    outside = make_raster(picture, name="other/out.tif")
    link = allowed / "link.tif"
    link.symlink_to(outside)
    tries = {
        str(inside): 200,
        str(outside): 422,
        str(link): 422,
        f"{allowed}/../other/out.tif": 422,
        f"{allowed}/../allowed/in.tif": 200,
        "/etc/passwd": 422,
        str(allowed): 422,
        f"/vsizip/{inside}": 422,
    }
    for roots in ((allowed,), ()):
        service = EngineService(lambda: stand_in, Limits(roots=roots))
        app = create_app(service, token="a-token-for-tests")
        with TestClient(app, base_url="http://127.0.0.1", headers=headers) as client:
            for path, status in tries.items():
                body = {"image": {"path": path}, "phrases": ["red"]}
                answer = client.post("/v1/segment", json=body)
                assert answer.status_code == (status if roots else 422), path
                if answer.status_code != 200:
                    assert answer.json()["error"]["code"] == "bad_path"
        assert service.stop(5)


def test_gdal_s_ways_out_are_closed_in_the_service_s_process(trap, tmp_path):
    """In a process of its own, since drivers are chosen once; with proof that the trap works."""
    import subprocess
    import sys

    script = """
import sys
closed, url, secret = sys.argv[1] == "closed", sys.argv[2], sys.argv[3]
if closed:
    from rsrefseg.geo.harden import only_plain_files
    only_plain_files()
import rasterio
for name in ("/vsicurl/" + url, "/vsicurl_streaming/" + url, "WMS:" + url,
             "/vsizip//vsicurl/" + url + "/a.tif", secret):
    try:
        rasterio.open(name).close()
        print("opened", name)
    except Exception as error:
        print(type(error).__name__)
"""
    url = f"http://127.0.0.1:{trap.server_port}/x.tif"
    virtual = tmp_path / "v.vrt"
    virtual.write_bytes(hostile.raw_vrt("/etc/passwd"))
    said = {}
    for mode in ("open", "closed"):
        del trap.calls[:]
        done = subprocess.run(
            [sys.executable, "-c", script, mode, url, str(virtual)],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        said[mode] = (len(trap.calls), "opened" in done.stdout)
    del trap.calls[:]
    assert said["open"][0] > 0
    assert said["closed"] == (0, False)


def test_no_other_site_s_script_may_ask(client):
    for method in ("GET", "OPTIONS"):
        answer = client.request(
            method,
            "/v1/health",
            headers={
                "Origin": "https://evil.example",
                "Access-Control-Request-Method": "GET",
            },
        )
        assert not any(name.startswith("access-control") for name in answer.headers)


def test_only_images_may_be_large(client):
    answer = client.post("/v1/segment", content=b" " * 5_000_000)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
