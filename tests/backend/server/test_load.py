"""Eight clients at once, a tenth of their requests cancelled: every answer right, none lost."""

from __future__ import annotations

import json
import os
import random
import threading
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest

from rsrefseg_qgis.engine.wire import EncodeRequest, ImageRef, PolygonsRequest, SegmentRequest
from rsrefseg_qgis.errors import CancelledError
from tests.support.engine_process import engine
from tests.support.hostile import tiff

CLIENTS = 8
# 200 each for the figures in the docs; fewer where all tests have to fit into minutes.
REQUESTS = int(os.environ.get("RSREFSEG_LOAD_REQUESTS", "12"))
CANCELLED_SHARE = 0.1
PHRASES = ("red roofs", "the water", "the road left of the field", "trees", "крыша")
THRESHOLDS = (0.3, 0.45, 0.5, 0.55)
# What the heap may grow by once everything has been used once.
GROWTH_BYTES = 80_000_000


def pictures():
    rng = np.random.default_rng(5)
    for side in (64, 90, 120):
        small = rng.integers(0, 256, (3, side // 5, side // 5), dtype=np.uint8)
        yield tiff(small.repeat(5, 1).repeat(5, 2))


def shape(answer) -> str:
    """What an answer says, its name and times aside."""
    return json.dumps(
        [
            [r.phrase, r.score, r.presence, [[f.geometry, f.score, f.area_m2] for f in r.features]]
            for r in answer.results
        ]
    )


class Truth:
    """Answers to every question that the test asks, each asked alone."""

    def __init__(self, client, images):
        self.answers = {}
        for image in images:
            for phrase in PHRASES:
                request = ask(image, phrase, THRESHOLDS[0])
                client.segment(request)
                for threshold in THRESHOLDS:
                    again = PolygonsRequest(request.request_id, threshold=threshold)
                    self.answers[image, phrase, threshold] = shape(client.polygons(again))


def ask(image, phrase, threshold, request_id=None):
    return SegmentRequest(
        request_id or str(uuid.uuid4()), ImageRef(id=image), (phrase,), threshold=threshold
    )


def work(client, number, images, tiffs, truth, seen):
    """One client's requests; what became of each is counted."""
    rng = random.Random(number)
    for _ in range(REQUESTS):
        i = rng.randrange(len(images))
        image, phrase, threshold = images[i], rng.choice(PHRASES), rng.choice(THRESHOLDS)
        kind = rng.random()
        if kind < 0.1:
            assert client.put_image(tiffs[i]).image_id == image
            seen["upload"] += 1
            continue
        if kind < 0.2:
            request = EncodeRequest(str(uuid.uuid4()), ImageRef(id=image), view=f"{number}")
            assert client.encode(request).windows == 1
            seen["encode"] += 1
            continue
        request = ask(image, phrase, threshold)
        if rng.random() < CANCELLED_SHARE / 0.8:
            timer = threading.Timer(rng.random() * 0.05, client.cancel, args=(request.request_id,))
            timer.start()
            try:
                assert shape(client.segment(request)) == truth.answers[image, phrase, threshold]
                seen["too late to cancel"] += 1
            except CancelledError:
                seen["cancelled"] += 1
            timer.join()
            continue
        assert shape(client.segment(request)) == truth.answers[image, phrase, threshold]
        seen["segment"] += 1
        if kind > 0.7:
            other = rng.choice(THRESHOLDS)
            again = client.polygons(PolygonsRequest(request.request_id, threshold=other))
            assert shape(again) == truth.answers[image, phrase, other]
            seen["redrawn"] += 1


@pytest.mark.slow
def test_eight_clients_at_once(tiny_weights):
    seen = Counter()
    with engine(tiny_weights, "--precision", "fp32") as running:
        clients = [running.client() for _ in range(CLIENTS)]
        tiffs = list(pictures())
        images = [clients[0].put_image(data).image_id for data in tiffs]
        truth = Truth(clients[0], images)
        process = psutil.Process(running.pid)
        with ThreadPoolExecutor(CLIENTS) as pool:
            for round_number in range(2):
                if round_number:
                    before = process.memory_info().rss
                jobs = [
                    pool.submit(work, client, 10 * n + round_number, images, tiffs, truth, seen)
                    for n, client in enumerate(clients)
                ]
                for job in jobs:
                    job.result(600)
        growth = process.memory_info().rss - before
        health = clients[0].health()
        for client in clients:
            client.close()
    print(f"{CLIENTS} clients, {dict(seen)}, memory grew by {growth / 1e6:.1f} MB")
    asked = sum(seen.values()) - seen["redrawn"]
    assert asked == 2 * CLIENTS * REQUESTS
    assert seen["cancelled"] + seen["too late to cancel"] > 0
    assert growth < GROWTH_BYTES
    assert (health.queue.waiting, health.queue.running) == (0, 0)
