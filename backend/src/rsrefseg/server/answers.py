"""Results as messages."""

from __future__ import annotations

import json
from dataclasses import asdict

from rsrefseg import __version__
from rsrefseg.geo.polygons import geojson_geometries
from rsrefseg.predict.scene import PhraseResult, SegmentResult, Timings
from rsrefseg.predict.types import CacheInfo, ModelInfo
from rsrefseg.server.images import StoredImage
from rsrefseg.server.schemas import (
    API_VERSION,
    CacheAnswer,
    DeviceAnswer,
    ErrorBody,
    HealthAnswer,
    ImageAnswer,
    ModelAnswer,
    QueueAnswer,
    StoreAnswer,
    TimingsAnswer,
)
from rsrefseg.server.service import EngineService


def health(service: EngineService) -> HealthAnswer:
    """How the engine is."""
    predictor, error = service.predictor, service.error
    return HealthAnswer(
        api_version=API_VERSION,
        engine_version=__version__,
        state=service.state,
        error=None if error is None else ErrorBody(code=error.code, message=str(error)),
        model=None if predictor is None else ModelAnswer.model_validate(asdict(predictor.info)),
        device=None if predictor is None else DeviceAnswer.model_validate(asdict(predictor.device)),
        cache=None if predictor is None else _cache(predictor.cache, service.kept),
        queue=QueueAnswer(waiting=service.jobs.waiting, running=service.jobs.running),
    )


def _cache(images: CacheInfo, maps: CacheInfo) -> CacheAnswer:
    return CacheAnswer(
        images=images.images,
        bytes=images.bytes,
        budget_bytes=images.budget_bytes,
        hits=images.hits,
        misses=images.misses,
        phrases=None if images.phrases is None else _store(images.phrases),
        disk=None if images.disk is None else _store(images.disk),
        maps=_store(maps),
    )


def _store(info: CacheInfo) -> StoreAnswer:
    return StoreAnswer(
        count=info.images,
        bytes=info.bytes,
        budget_bytes=info.budget_bytes,
        hits=info.hits,
        misses=info.misses,
    )


def image(stored: StoredImage) -> ImageAnswer:
    """What an upload's header says."""
    return ImageAnswer(
        image_id=stored.image_id,
        width=stored.width,
        height=stored.height,
        crs=stored.crs,
        transform=list(stored.transform),
        bands=stored.bands,
        dtype=stored.dtype,
    )


def timings(measured: Timings) -> TimingsAnswer:
    """Seconds, rounded to what they are worth."""
    return TimingsAnswer(**{k: round(v, 6) for k, v in asdict(measured).items()})


def segment_json(request_id: str, result: SegmentResult, model: ModelInfo) -> bytes:
    """A SegmentAnswer as JSON, written straight from the geometries.

    A scene has millions of vertices; going through message objects would take longer than the
    model does. The contract tests hold this to the message's type.
    """
    head = {
        "request_id": request_id,
        "api_version": API_VERSION,
        "engine_version": __version__,
        "model": {"name": model.name, "preset": model.preset, "sha256": model.sha256},
        "crs": result.crs,
        "windows": result.windows,
        "resolution_m": result.resolution_m,
        "timings": timings(result.timings).model_dump(),
        "warnings": list(result.warnings),
    }
    results = ",".join(_phrase_json(phrase) for phrase in result.results)
    return f'{json.dumps(head)[:-1]},"results":[{results}]}}'.encode()


def _phrase_json(result: PhraseResult) -> str:
    head = {
        "phrase": result.phrase,
        "score": result.score,
        "presence": result.presence,
        "unknown_words": list(result.unknown_words),
    }
    geometries = geojson_geometries(result.features)
    phrase = json.dumps(result.phrase)
    features = ",".join(
        f'{{"type":"Feature","geometry":{geometry},"properties":{{"phrase":{phrase},'
        f'"score":{feature.score!r},"area_m2":{json.dumps(feature.area_m2)}}}}}'
        for geometry, feature in zip(geometries, result.features, strict=True)
    )
    return f'{json.dumps(head)[:-1]},"features":[{features}]}}'
