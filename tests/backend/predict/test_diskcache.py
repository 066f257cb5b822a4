from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from rsrefseg.models.features import ImageFeatures
from rsrefseg.predict import diskcache
from rsrefseg.predict.diskcache import DiskOptions, FeatureDisk
from rsrefseg.predict.segmenter import Segmenter


def features(seed=0, high_res=0, channels_last=False, ground=False, dtype=torch.float32):
    make = torch.Generator().manual_seed(seed)

    def values(*shape):
        return torch.randn(*shape, generator=make).to(dtype)

    embed = values(1, 8, 6, 6)
    if channels_last:
        embed = embed.contiguous(memory_format=torch.channels_last)
    rest = tuple(values(1, 4, 12 * (i + 1), 12) for i in range(high_res))
    seen = values(1, 6, 6, 4).permute(0, 3, 1, 2) if ground else None
    return ImageFeatures(values(1, 9, 8), (3, 3), embed, rest, seen)


def tensors(value):
    present = [value.ground] if value.ground is not None else []
    return (value.clip_tokens, value.sam_embed, *value.high_res, *present)


@pytest.fixture
def disk(tmp_path):
    return FeatureDisk(tmp_path, 1_000_000, "model")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"high_res": 2},
        {"channels_last": True},
        {"ground": True, "high_res": 2},
        {"dtype": torch.bfloat16, "high_res": 2},
    ],
)
def test_what_comes_back_is_what_went_in(tmp_path, disk, options):
    kept = features(**options)
    disk.put("a", kept)
    disk.flush()
    for again in (disk, FeatureDisk(tmp_path, 1_000_000, "model")):
        found = again.get("a")
        assert found.clip_grid == (3, 3)
        for one, other in zip(tensors(found), tensors(kept), strict=True):
            assert torch.equal(one, other)
            assert (one.dtype, one.stride()) == (other.dtype, other.stride())
    assert disk.get("b") is None
    assert (disk.info().images, disk.info().hits, disk.info().misses) == (1, 1, 1)


def test_another_model_or_other_code_finds_nothing(tmp_path, disk, monkeypatch):
    disk.put("a", features())
    disk.flush()
    assert FeatureDisk(tmp_path, 1_000_000, "another").get("a") is None
    monkeypatch.setattr(diskcache, "code_digest", lambda: "newer")
    assert FeatureDisk(tmp_path, 1_000_000, "model").get("a") is None


def test_what_was_unused_longest_makes_room(tmp_path):
    probe = FeatureDisk(tmp_path / "probe", 10**9, "m")
    probe.put(0, features())
    probe.flush()
    size = probe.info().bytes
    disk = FeatureDisk(tmp_path / "real", int(3.5 * size), "m")
    for i in range(3):
        disk.put(i, features(i))
        disk.flush()
        os.utime(disk._path(i), ns=(i, i))
    assert disk.get(0) is not None
    disk.put(3, features(3))
    disk.flush()
    assert [disk.get(i) is not None for i in range(4)] == [True, False, True, True]
    assert disk.info().images == 3
    assert disk.info().bytes <= disk.info().budget_bytes
    small = FeatureDisk(tmp_path / "real", size // 2, "m")
    assert small.info().images == 0
    small.put(9, features())
    small.flush()
    assert small.info().images == 0


@pytest.mark.parametrize("damage", ["cut", "empty", "flip", "zeros", "text", "header"])
def test_a_damaged_file_is_a_miss_and_goes(disk, damage):
    disk.put("a", features())
    disk.flush()
    path = disk._path("a")
    data = bytearray(path.read_bytes())
    if damage == "cut":
        data = data[: len(data) // 2]
    elif damage == "empty":
        data = bytearray()
    elif damage == "flip":
        data[-5] ^= 0x40
    elif damage == "zeros":
        data[-400:] = bytes(400)
    elif damage == "text":
        data = bytearray(b"not features at all")
    else:
        data[:8] = b"\xff" * 8
    path.write_bytes(data)
    assert disk.get("a") is None
    assert not path.exists()
    disk.put("a", features())
    disk.flush()
    assert disk.get("a") is not None


def test_leftovers_of_a_killed_writer_go_in_the_end(tmp_path):
    old, new = tmp_path / "old.part", tmp_path / "new.part"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    FeatureDisk(tmp_path, 1000, "m")
    assert (old.exists(), new.exists()) == (False, True)


def test_a_disk_that_cannot_be_used_is_an_empty_cache(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    disk = FeatureDisk(blocked, 1000, "m")
    disk.put("a", features())
    assert disk.get("a") is None
    full = FeatureDisk(tmp_path / "full", 10**6, "m")

    def no_space(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(diskcache, "_write", no_space)
    full.put("a", features())
    full.flush()
    assert full.get("a") is None


def test_many_at_once(disk):
    failures = []

    def work(worker):
        for i in range(10):
            disk.put(i % 3, features(i % 3))
            found = disk.get(i % 3)
            if found is not None and not torch.equal(found.sam_embed, features(i % 3).sam_embed):
                failures.append((worker, i))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    disk.flush()
    assert failures == []


def test_a_segmenter_comes_back_to_an_image_in_another_session(tiny_weights, tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    options = DiskOptions(tmp_path, 50_000_000)

    def session():
        return Segmenter.from_file(tiny_weights, device="cpu", precision="fp32", disk=options)

    first = session()
    assert first.encode(picture).cached is False
    (wanted,) = first.ask(first.encode(picture), ["red roofs"])
    first.encode(picture[::-1], keep=False)
    first._disk.flush()
    again = session()
    found = again.encode(picture)
    assert found.cached is True
    assert again.cache.disk.hits == 1
    assert again.cache.disk.images == 1
    (answer,) = again.ask(found, ["red roofs"])
    assert answer.probability == pytest.approx(wanted.probability, abs=1e-6)
    assert again.encode(picture).cached is True
    assert again.cache.disk.hits == 1


THREADS = Path("/proc/self/task")


@pytest.mark.skipif(
    not THREADS.is_dir() or (os.cpu_count() or 1) < 2,
    reason="threads are counted in /proc, and one core has no pools",
)
def test_writing_starts_no_pool_of_threads(tmp_path):
    """A second pool of OpenMP threads makes every step of the model take twice as long."""
    large = torch.randn(1, 16, 128, 128).contiguous(memory_format=torch.channels_last)
    disk = FeatureDisk(tmp_path, 10_000_000, "model")
    usual = torch.get_num_threads()
    torch.set_num_threads(2)
    before = len(list(THREADS.iterdir()))
    disk.put("a", ImageFeatures(torch.randn(1, 256, 192), (16, 16), large))
    disk.flush()
    after = len(list(THREADS.iterdir()))
    torch.set_num_threads(usual)
    assert after == before + 1, "the writer's own thread"
    assert torch.equal(disk.get("a").sam_embed, large)
