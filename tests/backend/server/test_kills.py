"""`kill -9` of a client or of the engine at random moments: no orphan, and the next one works."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from rsrefseg_qgis.engine.wire import ImageRef, SegmentRequest
from rsrefseg_qgis.errors import EngineUnreachableError
from tests.support.engine_process import end, engine, start
from tests.support.hostile import tiff

ROOT = Path(__file__).parents[3]
# 25 of each for the figures in the docs (`make bench PART=load`); fewer where all tests have to
# fit into minutes.
KILLS = int(os.environ.get("RSREFSEG_KILLS", "3"))
# A client that never stops asking, and is killed while it does.
CLIENT = """
import sys, uuid
sys.path.insert(0, sys.argv[1])
from rsrefseg_qgis.engine.client import EngineClient
from rsrefseg_qgis.engine.wire import ImageRef, SegmentRequest
client = EngineClient(sys.argv[2], sys.argv[3])
image = client.put_image(open(sys.argv[4], "rb").read()).image_id
print("asking", flush=True)
while True:
    client.segment(SegmentRequest(str(uuid.uuid4()), ImageRef(id=image), ("red", "water") * 8))
"""


def picture(seed=0):
    small = np.random.default_rng(seed).integers(0, 256, (3, 20, 20), dtype=np.uint8)
    return tiff(small.repeat(4, 1).repeat(4, 2))


def ask(running, request_id="r", seed=0):
    client = running.client()
    image = client.put_image(picture(seed)).image_id
    answer = client.segment(SegmentRequest(request_id, ImageRef(id=image), ("red roofs",)))
    client.close()
    return answer


@pytest.mark.slow
def test_clients_are_killed(tiny_weights, tmp_path, note):
    (tmp_path / "image.tif").write_bytes(picture())
    rng = random.Random(1)
    with engine(tiny_weights, "--precision", "fp32") as running:
        wanted = ask(running).results
        for _ in range(KILLS):
            arguments = (str(ROOT), running.url, running.token, str(tmp_path / "image.tif"))
            client = subprocess.Popen(
                [sys.executable, "-c", CLIENT, *arguments], stdout=subprocess.PIPE
            )
            assert client.stdout.readline() == b"asking\n"
            time.sleep(rng.random() * 0.3)
            client.kill()
            client.wait(10)
            client.stdout.close()
            assert ask(running).results == wanted
        observer = running.client()
        deadline = time.monotonic() + 10
        while (queue := observer.health().queue).running or queue.waiting:
            assert time.monotonic() < deadline, "a dead client's work goes on"
            time.sleep(0.05)
        observer.close()
    note("client_kills", kills=KILLS)


@pytest.mark.slow
def test_engines_are_killed(tiny_weights, tmp_path, note):
    rng = random.Random(2)
    cache = {"RSREFSEG_CACHE_DIR": str(tmp_path / "cache"), "RSREFSEG_DISK_CACHE_MB": "50"}
    options = (tiny_weights, "--precision", "fp32")
    with engine(*options, **cache) as running:
        wanted = ask(running).results
    for i in range(KILLS):
        running = start(*options, **cache)
        children = psutil.Process(running.pid).children(recursive=True)
        killer = subprocess.Popen(
            [sys.executable, "-c", f"import os, time; time.sleep({rng.random() * 0.4}); "
             f"os.kill({running.pid}, 9)"]
        )  # fmt: skip
        with pytest.raises(EngineUnreachableError):
            for n in range(10_000):
                ask(running, f"{i}-{n}", seed=n)
        killer.wait(10)
        end(running)
        assert not psutil.pid_exists(running.pid)
        assert not any(child.is_running() for child in children)
    with engine(*options, **cache) as running:
        assert ask(running).results == wanted
    note("engine_kills", kills=KILLS)


@pytest.mark.slow
def test_whoever_started_the_engine_is_killed(tiny_weights, note):
    script = (
        "import subprocess, sys, time;"
        "p = subprocess.Popen([sys.executable, '-m', 'rsrefseg', 'serve', '--weights',"
        f" {str(tiny_weights)!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE);"
        "sys.stdout.write(p.stdout.readline().decode()); sys.stdout.flush(); time.sleep(60)"
    )
    rng = random.Random(3)
    for _ in range(KILLS):
        parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        child = psutil.Process(json.loads(parent.stdout.readline())["pid"])
        time.sleep(rng.random())
        parent.kill()
        parent.wait(10)
        parent.stdout.close()
        child.wait(20)
    note("parent_kills", kills=KILLS)
