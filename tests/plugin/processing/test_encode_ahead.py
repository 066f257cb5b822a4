from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rsrefseg_qgis.engine.health import CacheInfo, StoreInfo
from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.tasks import chunks
from tests.plugin import rasters
from tests.plugin.processing.conftest import Feedback

Run = Callable[..., dict[str, Any]]


def disk(manager: EngineManager) -> StoreInfo:
    cache = manager.ensure().health().cache
    assert cache is not None
    assert cache.disk is not None
    return cache.disk


def memory(manager: EngineManager) -> CacheInfo:
    cache = manager.ensure().health().cache
    assert cache is not None
    return cache


def test_later_request_finds_every_view_encoded(
    toolbox: Run,
    real_manager: EngineManager,
    tmp_path: Path,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
    feedback: Feedback,
) -> None:
    image = rasters.rgb(640, 520, (200, 150, 400, 300))
    pixel = (612000.0, 0.5, 0.0, 5300000.0, 0.0, -0.5)
    scene = str(rasters.write(tmp_path / "scene.tif", image, pixel))
    monkeypatch.setattr(chunks, "SIDE_WINDOWS", 1.5)
    real_manager.ensure()
    before = disk(real_manager).count
    result = toolbox("encodeahead", feedback, INPUT=scene, RESOLUTION=0.5)
    assert result["WINDOWS"] > 4
    assert any("disk cache holds" in text for text in feedback.said)
    # the engine writes behind
    qtbot.waitUntil(lambda: disk(real_manager).count > before, timeout=60_000)
    misses = memory(real_manager).misses
    toolbox("segmentbyphrase", INPUT=scene, PHRASE="water", RESOLUTION=0.5, OUTPUT="memory:")
    assert memory(real_manager).misses == misses


def test_small_extent_is_one_view(
    toolbox: Run, real_manager: EngineManager, tmp_path: Path
) -> None:
    scene = str(rasters.write(tmp_path / "scene.tif", rasters.rgb()))
    assert toolbox("encodeahead", INPUT=scene)["WINDOWS"] == 1
    misses = memory(real_manager).misses
    toolbox("segmentbyphrase", INPUT=scene, PHRASE="roads", OUTPUT="memory:")
    assert memory(real_manager).misses == misses


def test_engine_without_a_disk_cache_is_said(
    toolbox: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, feedback: Feedback
) -> None:
    from rsrefseg_qgis.processing import encode_ahead
    from rsrefseg_qgis.tasks.encode import EncodeAnswer

    scene = str(rasters.write(tmp_path / "scene.tif", rasters.rgb()))
    monkeypatch.setattr(
        encode_ahead, "encode", lambda *_: EncodeAnswer(3, CacheInfo(1, 1, 1, disk=None))
    )
    assert toolbox("encodeahead", feedback, INPUT=scene)["CACHED"] == 0
    assert any("keeps nothing on the disk" in text for text in feedback.said)
    full = StoreInfo(9, 99_000_000, 100_000_000, 0, 0)
    monkeypatch.setattr(
        encode_ahead, "encode", lambda *_: EncodeAnswer(3, CacheInfo(1, 1, 1, disk=full))
    )
    result = toolbox("encodeahead", feedback, INPUT=scene)
    assert (result["CACHED"], result["CACHED_MB"]) == (9, 99.0)
    assert any("is full" in text for text in feedback.said)
