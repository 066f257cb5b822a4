"""Eight clients at once, a tenth of their requests cancelled: every answer right, none lost."""

from __future__ import annotations

import json
import os
import random
import threading
import time
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
# Half a minute on an idle machine; fewer for a quick look.
REQUESTS = int(os.environ.get("RSREFSEG_LOAD_REQUESTS", "200"))
WARM_UP = 8
CANCELLED_SHARE = 0.1
PHRASES = ("red roofs", "the water", "the road left of the field", "trees", "крыша")
THRESHOLDS = (0.3, 0.45, 0.5, 0.55)
# What the heap may grow by once everything has been used once. It rises and falls by a hundred
# megabytes, however many requests there are; a map lost with each request would be more than this.
GROWTH_BYTES = 200_000_000


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


def settle(client, image, patience_s=60):
    """Ask until single phrases are answered in one way; the other differs by rounding."""
    if client.health().device.kind != "cpu":
        return  # only on a CPU are there two
    end = time.monotonic() + patience_s
    while "single phrases: " not in client.health().device.why:
        assert time.monotonic() < end
        client.segment(ask(image, "red roofs", 0.5))


def emptied_queue(client, patience_s=30):
    """What waits and runs; the answer of a cancelled request comes before its work has stopped."""
    end = time.monotonic() + patience_s
    while True:
        queue = client.health().queue
        if (queue.waiting, queue.running) == (0, 0) or time.monotonic() > end:
            return queue.waiting, queue.running
        time.sleep(0.05)


def work(client, number, requests, images, tiffs, truth):
    """One client's requests; what became of each, counted for this client alone.

    A counter that clients share would lose counts, since adding to it is not atomic.
    """
    seen = Counter()
    rng = random.Random(number)
    for _ in range(requests):
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
    return seen


@pytest.mark.slow
def test_eight_clients_at_once(tiny_weights, note):
    with engine(tiny_weights, "--precision", "fp32") as running:
        clients = [running.client() for _ in range(CLIENTS)]
        tiffs = list(pictures())
        images = [clients[0].put_image(data).image_id for data in tiffs]
        settle(clients[0], images[0])
        truth = Truth(clients[0], images)
        process = psutil.Process(running.pid)

        def ask_all(first_number, requests):
            with ThreadPoolExecutor(CLIENTS) as pool:
                jobs = [
                    pool.submit(work, client, first_number + n, requests, images, tiffs, truth)
                    for n, client in enumerate(clients)
                ]
                return sum((job.result(600) for job in jobs), Counter())

        ask_all(100, WARM_UP)
        before = process.memory_info().rss
        seen = ask_all(0, REQUESTS)
        growth = process.memory_info().rss - before
        left = emptied_queue(clients[0])
        for client in clients:
            client.close()
    answered = seen.total() - seen["redrawn"]
    note("load", **seen, clients=CLIENTS, requests=CLIENTS * REQUESTS, growth_bytes=growth)
    assert answered == CLIENTS * REQUESTS, "requests were lost"
    assert seen["cancelled"] > 0
    assert growth < GROWTH_BYTES
    assert left == (0, 0), "something waits or runs for ever"
