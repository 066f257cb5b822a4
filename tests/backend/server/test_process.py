"""The real process: its ready line, its end with whoever started it, a real model in it."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def start(*arguments, **environment):
    process = subprocess.Popen(
        [sys.executable, "-m", "rsrefseg", "serve", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**ENVIRONMENT, **environment},
        text=True,
    )
    return process, json.loads(process.stdout.readline())


def ask(ready, method, path, body=None, token=None):
    connection = http.client.HTTPConnection("127.0.0.1", ready["port"], timeout=300)
    headers = {"Authorization": f"Bearer {token or ready.get('token')}"}
    content = json.dumps(body) if isinstance(body, dict) else body
    headers["Content-Type"] = "application/json" if isinstance(body, dict) else "image/tiff"
    connection.request(method, path, content, headers)
    answer = connection.getresponse()
    data = json.loads(answer.read())
    connection.close()
    return answer.status, data


@pytest.fixture
def engine(tiny_weights):
    process, ready = start("--weights", str(tiny_weights), "--precision", "fp32")
    yield process, ready
    process.kill()
    process.communicate(timeout=10)


def test_the_whole_way_and_the_end(engine, make_raster):
    process, ready = engine
    assert ready["event"] == "ready"
    assert ready["api_version"] == 1
    assert ready["pid"] == process.pid
    assert ready["url"] == f"http://127.0.0.1:{ready['port']}"
    assert len(ready["token"]) >= 32
    path = make_raster(np.random.default_rng(0).integers(0, 255, (3, 90, 120), dtype=np.uint8))
    status, image = ask(ready, "POST", "/v1/images", path.read_bytes())
    assert status == 201
    body = {"image": {"id": image["image_id"]}, "phrases": ["red roofs"], "threshold": 0.01}
    status, answer = ask(ready, "POST", "/v1/segment", body)
    assert status == 200, answer
    assert answer["results"][0]["features"]
    status, health = ask(ready, "GET", "/v1/health")
    assert (health["state"], health["cache"]["images"]) == ("ready", 1)
    process.stdin.close()
    assert process.wait(timeout=90) == 0
    log = process.stderr.read()
    assert ready["token"] not in log
    assert "request " in log
    process.stderr.close()
    process.stdout.close()
    process.stdin = process.stdout = process.stderr = None


@pytest.mark.parametrize("after_s", [0.2, 1.5, 3.0])
def test_an_end_while_the_model_is_being_compiled(engine, make_raster, after_s):
    process, ready = engine
    path = make_raster(np.zeros((3, 90, 120), dtype=np.uint8))
    _, image = ask(ready, "POST", "/v1/images", path.read_bytes())
    for phrase in ("red roofs", "trees", "water"):
        body = {"image": {"id": image["image_id"]}, "phrases": [phrase]}
        assert ask(ready, "POST", "/v1/segment", body)[0] == 200
    time.sleep(after_s)
    _, log = process.communicate(timeout=90)  # closes stdin
    assert process.returncode == 0
    assert "terminate" not in log


def test_a_given_token_is_not_printed(tiny_weights):
    process, ready = start("--weights", str(tiny_weights), RSREFSEG_TOKEN="given-token-1234")
    assert "token" not in ready
    assert ask(ready, "GET", "/v1/health", token="given-token-1234")[0] == 200
    assert ask(ready, "GET", "/v1/health", token="other")[0] == 401
    process.communicate(timeout=90)
    assert process.returncode == 0


def test_absent_weights_are_said_by_health(tmp_path):
    process, ready = start("--weights", str(tmp_path / "absent.safetensors"))
    deadline = time.monotonic() + 300
    state = "loading"
    while state == "loading" and time.monotonic() < deadline:
        time.sleep(0.2)
        _, health = ask(ready, "GET", "/v1/health")
        state = health["state"]
    assert state == "failed"
    assert "absent.safetensors" in health["error"]["message"]
    process.communicate(timeout=90)


def test_no_orphan_is_left_when_the_parent_is_killed(tiny_weights):
    script = (
        "import subprocess, sys, time;"
        f"p = subprocess.Popen([sys.executable, '-m', 'rsrefseg', 'serve', '--weights',"
        f" {str(tiny_weights)!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE);"
        "sys.stdout.write(p.stdout.readline().decode()); sys.stdout.flush(); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, env=ENVIRONMENT, text=True
    )
    engine = psutil.Process(json.loads(parent.stdout.readline())["pid"])
    parent.kill()
    parent.communicate(timeout=10)
    engine.wait(timeout=90)
    assert not engine.is_running()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1"])
def test_other_machines_are_not_served(host):
    done = subprocess.run(
        [sys.executable, "-m", "rsrefseg", "serve", "--host", host],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1
    assert "this machine only" in done.stderr
