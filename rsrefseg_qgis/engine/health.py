"""What the engine says about itself and about what went wrong, API version 1."""

from __future__ import annotations

from dataclasses import dataclass

from . import parse
from .parse import Json


@dataclass(frozen=True)
class ErrorInfo:
    """Why the engine cannot do what was asked."""

    code: str
    message: str
    request_id: str | None = None

    @classmethod
    def from_json(cls, data: Json) -> ErrorInfo:
        """Read the object below ``error``."""
        return cls(
            code=parse.text(data, "code"),
            message=parse.text(data, "message"),
            request_id=parse.text_or_none(data, "request_id"),
        )


@dataclass(frozen=True)
class ModelInfo:
    """The model that the engine has loaded."""

    name: str
    preset: str
    sha256: str
    tile_px: int
    min_resolution_m: float
    max_resolution_m: float
    default_resolution_m: float
    vocabulary_examples: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: Json) -> ModelInfo:
        """Read it."""
        return cls(
            name=parse.text(data, "name"),
            preset=parse.text(data, "preset"),
            sha256=parse.text(data, "sha256"),
            tile_px=parse.integer(data, "tile_px"),
            min_resolution_m=parse.number(data, "min_resolution_m"),
            max_resolution_m=parse.number(data, "max_resolution_m"),
            default_resolution_m=parse.number(data, "default_resolution_m"),
            vocabulary_examples=parse.items(data, "vocabulary_examples", parse.as_text),
        )


@dataclass(frozen=True)
class DeviceInfo:
    """Where the model runs, and why there."""

    kind: str
    name: str
    why: str
    precision: str

    @classmethod
    def from_json(cls, data: Json) -> DeviceInfo:
        """Read it."""
        return cls(*(parse.text(data, name) for name in ("kind", "name", "why", "precision")))


@dataclass(frozen=True)
class StoreInfo:
    """How full one of the engine's caches is, and how often something was found in it."""

    count: int
    bytes: int
    budget_bytes: int
    hits: int
    misses: int

    @classmethod
    def from_json(cls, data: Json) -> StoreInfo:
        """Read it."""
        names = ("count", "bytes", "budget_bytes", "hits", "misses")
        return cls(*(parse.integer(data, name) for name in names))


@dataclass(frozen=True)
class CacheInfo:
    """How full the engine's caches are; the first fields are about encoded images in memory.

    Attributes:
        phrases: encoded phrases.
        disk: images that were encoded earlier and are on the disk; None without such a cache.
        maps: probabilities of past requests, for drawing their polygons again.
    """

    images: int
    bytes: int
    budget_bytes: int
    hits: int = 0
    misses: int = 0
    phrases: StoreInfo | None = None
    disk: StoreInfo | None = None
    maps: StoreInfo | None = None

    @classmethod
    def from_json(cls, data: Json) -> CacheInfo:
        """Read it; older engines say less."""
        return cls(
            images=parse.integer(data, "images"),
            bytes=parse.integer(data, "bytes"),
            budget_bytes=parse.integer(data, "budget_bytes"),
            hits=parse.integer_or(data, "hits", 0),
            misses=parse.integer_or(data, "misses", 0),
            phrases=parse.part(data, "phrases", StoreInfo.from_json),
            disk=parse.part(data, "disk", StoreInfo.from_json),
            maps=parse.part(data, "maps", StoreInfo.from_json),
        )


@dataclass(frozen=True)
class QueueInfo:
    """How many requests the engine works at, and how many wait."""

    waiting: int = 0
    running: int = 0

    @classmethod
    def from_json(cls, data: Json) -> QueueInfo:
        """Read it."""
        return cls(parse.integer(data, "waiting"), parse.integer(data, "running"))


@dataclass(frozen=True)
class Health:
    """How the engine is: ``state`` is loading, ready or failed."""

    api_version: int
    engine_version: str
    state: str
    error: ErrorInfo | None
    model: ModelInfo | None
    device: DeviceInfo | None
    cache: CacheInfo | None
    queue: QueueInfo | None = None

    @classmethod
    def from_json(cls, data: Json) -> Health:
        """Read it; what the engine does not know yet is null."""
        return cls(
            api_version=parse.integer(data, "api_version"),
            engine_version=parse.text(data, "engine_version"),
            state=parse.text(data, "state"),
            error=parse.part(data, "error", ErrorInfo.from_json),
            model=parse.part(data, "model", ModelInfo.from_json),
            device=parse.part(data, "device", DeviceInfo.from_json),
            cache=parse.part(data, "cache", CacheInfo.from_json),
            queue=parse.part(data, "queue", QueueInfo.from_json),
        )
