"""The messages between plugin and engine, API version 1, as frozen dataclasses.

``from_json`` reads an answer and drops what it does not know; ``to_json`` writes a request. The
recorded messages in ``tests/contract`` hold both sides to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import parse
from .health import CacheInfo as CacheInfo
from .health import DeviceInfo as DeviceInfo
from .health import ErrorInfo as ErrorInfo
from .health import Health as Health
from .health import ModelInfo as ModelInfo
from .health import QueueInfo as QueueInfo
from .health import StoreInfo as StoreInfo
from .parse import Json

API_VERSION = 1


@dataclass(frozen=True)
class Ready:
    """The line that the engine prints once it listens."""

    url: str
    port: int
    token: str | None
    api_version: int
    engine_version: str
    pid: int

    @classmethod
    def from_json(cls, data: Json) -> Ready:
        """Read it."""
        return cls(
            url=parse.text(data, "url"),
            port=parse.integer(data, "port"),
            token=parse.text_or_none(data, "token"),
            api_version=parse.integer(data, "api_version"),
            engine_version=parse.text(data, "engine_version"),
            pid=parse.integer(data, "pid"),
        )


@dataclass(frozen=True)
class ImageInfo:
    """An image that the engine holds; ``transform`` is a to f of x = a·col + b·row + c, y = d·…."""

    image_id: str
    width: int
    height: int
    crs: str | None
    transform: tuple[float, ...]
    bands: int
    dtype: str

    @classmethod
    def from_json(cls, data: Json) -> ImageInfo:
        """Read it."""
        return cls(
            image_id=parse.text(data, "image_id"),
            width=parse.integer(data, "width"),
            height=parse.integer(data, "height"),
            crs=parse.text_or_none(data, "crs"),
            transform=parse.items(data, "transform", parse.as_number),
            bands=parse.integer(data, "bands"),
            dtype=parse.text(data, "dtype"),
        )


@dataclass(frozen=True)
class ImageRef:
    """Which image a request is about: one that was put, or a path that the engine can read."""

    id: str | None = None
    path: str | None = None

    def __post_init__(self) -> None:
        if (self.id is None) == (self.path is None):
            raise ValueError("an image is given by its id or by its path, one of them")

    def to_json(self) -> dict[str, str]:
        """Write it."""
        return {"path": str(self.path)} if self.id is None else {"id": self.id}


Extent = tuple[float, float, float, float]


@dataclass(frozen=True)
class EncodeRequest:
    """Fill the engine's cache for an image, so that the first phrase is fast."""

    request_id: str
    image: ImageRef
    extent: Extent | None = None
    ground_resolution_m: float | None = None
    view: str | None = None  # names what is looked at: a later encode of it replaces this one

    def to_json(self) -> dict[str, Any]:
        """Write it."""
        return {
            "request_id": self.request_id,
            "image": self.image.to_json(),
            "extent": None if self.extent is None else list(self.extent),
            "ground_resolution_m": self.ground_resolution_m,
            "view": self.view,
        }


@dataclass(frozen=True)
class EncodeResponse:
    """The engine has encoded so many windows."""

    request_id: str
    windows: int
    timings: Mapping[str, float]

    @classmethod
    def from_json(cls, data: Json) -> EncodeResponse:
        """Read it."""
        return cls(
            request_id=parse.text(data, "request_id"),
            windows=parse.integer(data, "windows"),
            timings=parse.numbers(data, "timings"),
        )


@dataclass(frozen=True)
class SegmentRequest:
    """Phrases to find in an image; all coordinates are in the image's CRS.

    Attributes:
        extent: xmin, ymin, xmax, ymax; None for the whole image.
        points: clicks that refine the phrases, x and y each.
        point_labels: for each click, 1 inside the target, 0 outside it.
        box: a box around the target, as ``extent``.
    """

    request_id: str
    image: ImageRef
    phrases: tuple[str, ...]
    extent: Extent | None = None
    ground_resolution_m: float | None = None
    threshold: float = 0.5
    presence_threshold: float | None = None
    min_area_m2: float = 0.0
    simplify_m: float = 0.0
    right_angles: bool = False
    fill_holes_m2: float = 0.0
    points: tuple[tuple[float, float], ...] = ()
    point_labels: tuple[int, ...] = ()
    box: Extent | None = None

    def to_json(self) -> dict[str, Any]:
        """Write it."""
        return {
            "request_id": self.request_id,
            "image": self.image.to_json(),
            "phrases": list(self.phrases),
            "extent": None if self.extent is None else list(self.extent),
            "ground_resolution_m": self.ground_resolution_m,
            "threshold": self.threshold,
            "presence_threshold": self.presence_threshold,
            "min_area_m2": self.min_area_m2,
            "simplify_m": self.simplify_m,
            "right_angles": self.right_angles,
            "fill_holes_m2": self.fill_holes_m2,
            "points": [list(point) for point in self.points],
            "point_labels": list(self.point_labels) if self.point_labels else None,
            "box": None if self.box is None else list(self.box),
        }


@dataclass(frozen=True)
class PolygonsRequest:
    """Draw the polygons of an earlier request again, without the model; ``phrases``: only these."""

    request_id: str
    threshold: float = 0.5
    presence_threshold: float | None = None
    min_area_m2: float = 0.0
    simplify_m: float = 0.0
    right_angles: bool = False
    fill_holes_m2: float = 0.0
    phrases: tuple[str, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """Write it."""
        return {
            "threshold": self.threshold,
            "presence_threshold": self.presence_threshold,
            "min_area_m2": self.min_area_m2,
            "simplify_m": self.simplify_m,
            "right_angles": self.right_angles,
            "fill_holes_m2": self.fill_holes_m2,
            "phrases": None if self.phrases is None else list(self.phrases),
        }


@dataclass(frozen=True)
class Feature:
    """One polygon; ``geometry`` is GeoJSON with coordinates in the raster's CRS."""

    geometry: Mapping[str, Any]
    phrase: str
    score: float
    area_m2: float | None

    @classmethod
    def from_json(cls, data: Json) -> Feature:
        """Read a GeoJSON feature."""
        properties = parse.as_object(data.get("properties"), "properties")
        return cls(
            geometry=parse.as_object(data.get("geometry"), "geometry"),
            phrase=parse.text(properties, "phrase"),
            score=parse.number(properties, "score"),
            area_m2=parse.number_or_none(properties, "area_m2"),
        )


@dataclass(frozen=True)
class PhraseResult:
    """What was found for one phrase."""

    phrase: str
    score: float
    presence: float | None
    unknown_words: tuple[str, ...]
    features: tuple[Feature, ...]

    @classmethod
    def from_json(cls, data: Json) -> PhraseResult:
        """Read it."""
        return cls(
            phrase=parse.text(data, "phrase"),
            score=parse.number(data, "score"),
            presence=parse.number_or_none(data, "presence"),
            unknown_words=parse.items(data, "unknown_words", parse.as_text),
            features=parse.items(
                data, "features", lambda item, name: Feature.from_json(parse.as_object(item, name))
            ),
        )


@dataclass(frozen=True)
class ModelStamp:
    """Which model made a result: part of its provenance."""

    name: str
    preset: str
    sha256: str

    @classmethod
    def from_json(cls, data: Json) -> ModelStamp:
        """Read it."""
        return cls(*(parse.text(data, name) for name in ("name", "preset", "sha256")))


@dataclass(frozen=True)
class SegmentResponse:
    """The polygons of a request, per phrase, with what made them."""

    request_id: str
    api_version: int
    engine_version: str
    model: ModelStamp
    crs: str | None
    results: tuple[PhraseResult, ...]
    windows: int
    resolution_m: float | None
    timings: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: Json) -> SegmentResponse:
        """Read it."""
        return cls(
            request_id=parse.text(data, "request_id"),
            api_version=parse.integer(data, "api_version"),
            engine_version=parse.text(data, "engine_version"),
            model=ModelStamp.from_json(parse.as_object(data.get("model"), "model")),
            crs=parse.text_or_none(data, "crs"),
            results=parse.items(
                data,
                "results",
                lambda item, name: PhraseResult.from_json(parse.as_object(item, name)),
            ),
            windows=parse.integer(data, "windows"),
            resolution_m=parse.number_or_none(data, "resolution_m"),
            timings=parse.numbers(data, "timings"),
            warnings=parse.items(data, "warnings", parse.as_text),
        )

    @property
    def other_warnings(self) -> tuple[str, ...]:
        """The warnings without those on unknown words, which are said in the user's language."""
        unknown = [f"'{word}'" for result in self.results for word in result.unknown_words]
        return tuple(text for text in self.warnings if not any(word in text for word in unknown))


@dataclass(frozen=True)
class Event:
    """One event of a running request.

    Attributes:
        kind: progress, done, failed or cancelled; the last three end the stream.
        fraction: how much is done, 0 to 1.
        message: what is being done, for the user.
    """

    kind: str
    fraction: float = 0.0
    message: str = ""

    @property
    def is_last(self) -> bool:
        """Whether nothing follows."""
        return self.kind in ("done", "failed", "cancelled")

    @classmethod
    def from_json(cls, kind: str, data: Json) -> Event:
        """Read the data of a server-sent event."""
        fraction = parse.number_or_none(data, "fraction")
        return cls(
            kind=kind,
            fraction=(1.0 if kind == "done" else 0.0) if fraction is None else fraction,
            message=parse.text_or_none(data, "message") or "",
        )
