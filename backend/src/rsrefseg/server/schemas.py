"""Every message of API version 1, as types; OpenAPI is made from them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

API_VERSION = 1
MAX_TEXT = 100_000

Number = Annotated[float, Field(allow_inf_nan=False)]
RequestId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]
ExtentList = Annotated[
    list[Number],
    Field(min_length=4, max_length=4, description="xmin, ymin, xmax, ymax in the raster's CRS"),
]


Point = Annotated[list[Number], Field(min_length=2, max_length=2)]
Phrases = Annotated[
    list[Annotated[str, Field(max_length=MAX_TEXT)]], Field(min_length=1, max_length=256)
]


class Message(BaseModel):
    """Base of all messages: unknown fields are dropped, so old and new get along."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class ImageRef(Message):
    """An image that was uploaded, or a file that the engine can read."""

    id: Annotated[str, Field(max_length=128)] | None = None
    path: Annotated[str, Field(max_length=4096)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> ImageRef:
        if (self.id is None) == (self.path is None):
            raise ValueError("give either the image's id or its path")
        return self


class AreaRequest(Message):
    """What every request about a part of an image says."""

    request_id: RequestId | None = None
    image: ImageRef
    extent: ExtentList | None = None
    ground_resolution_m: Number | None = Field(default=None, gt=0)
    time_limit_s: Number | None = Field(
        default=None, gt=0, description="The request ends after it; at most the engine's own limit."
    )


class EncodeRequest(AreaRequest):
    """Prepare an extent, so that phrases about it are answered at once."""

    view: RequestId | None = Field(
        default=None,
        description="Names what is being looked at: a later encode of the same client with the "
        "same name cancels this one.",
    )


class DrawingOptions(Message):
    """How probabilities become polygons."""

    threshold: Number = Field(default=0.5, ge=0, lt=1)
    presence_threshold: Number | None = Field(default=None, ge=0, le=1)
    min_area_m2: Number = Field(default=0.0, ge=0)
    simplify_m: Number = Field(default=0.0, ge=0)
    right_angles: bool = Field(default=False, description="Straighten outlines of buildings.")
    fill_holes_m2: Number = Field(default=0.0, ge=0, description="Fill holes up to this area.")


class SegmentBody(AreaRequest, DrawingOptions):
    """Find phrases on an extent; clicks and a box refine them where one window shows it all."""

    phrases: Phrases
    points: Annotated[list[Point], Field(max_length=64)] = Field(
        default_factory=list, description="Clicks, x and y in the raster's CRS."
    )
    point_labels: Annotated[list[Literal[0, 1]], Field(max_length=64)] | None = Field(
        default=None, description="1 inside the target, 0 outside it; all 1 when absent."
    )
    box: ExtentList | None = Field(
        default=None, description="A box around the target: xmin, ymin, xmax, ymax."
    )

    @model_validator(mode="after")
    def _consistent(self) -> SegmentBody:
        if self.point_labels is not None and len(self.point_labels) != len(self.points):
            raise ValueError("give one label for each point")
        if self.box is not None and not (self.box[0] < self.box[2] and self.box[1] < self.box[3]):
            raise ValueError("the box must have xmin < xmax and ymin < ymax")
        return self


class PolygonsBody(DrawingOptions):
    """Draw the polygons of a request again, from its kept probabilities."""

    phrases: Phrases | None = Field(default=None, description="Only these; all when absent.")


class RegulariseBody(Message):
    """Give outlines right angles where they nearly have them; needs no image and no model."""

    crs: Annotated[str, Field(max_length=MAX_TEXT)] | None = Field(
        default=None, description="Of the coordinates, as WKT."
    )
    tolerance_m: Number = Field(
        default=1.0, ge=0, le=1000, description="How far an outline may move."
    )
    geometries: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=1000)] = Field(
        description="GeoJSON Polygons or MultiPolygons."
    )


class RegulariseAnswer(Message):
    """Valid GeoJSON MultiPolygons, one for each that was sent."""

    geometries: list[dict[str, Any]]


class ErrorBody(Message):
    """Why something was not done."""

    code: str
    message: str
    request_id: str | None = None


class ErrorAnswer(Message):
    """The body of every answer that is not a success."""

    error: ErrorBody


class ReadyAnswer(Message):
    """That the engine listens; needs no token."""

    api_version: int
    state: Literal["loading", "ready", "failed"]


class ModelAnswer(Message):
    """The loaded model."""

    name: str
    preset: str
    sha256: str
    tile_px: int
    min_resolution_m: float
    max_resolution_m: float
    default_resolution_m: float
    vocabulary_examples: list[str]


class DeviceAnswer(Message):
    """Where the model runs, and why there."""

    kind: Literal["cpu", "cuda", "mps"]
    name: str
    why: str
    precision: Literal["fp32", "bf16", "fp16"]


class StoreAnswer(Message):
    """How full a cache is."""

    count: int
    bytes: int
    budget_bytes: int
    hits: int
    misses: int


class CacheAnswer(Message):
    """How full the caches are: encoded images first of all, in memory."""

    images: int
    bytes: int
    budget_bytes: int
    hits: int
    misses: int
    phrases: StoreAnswer | None
    disk: StoreAnswer | None
    maps: StoreAnswer


class QueueAnswer(Message):
    """How busy the engine is."""

    waiting: int
    running: int


class HealthAnswer(Message):
    """How the engine is."""

    api_version: int
    engine_version: str
    state: Literal["loading", "ready", "failed"]
    error: ErrorBody | None
    model: ModelAnswer | None
    device: DeviceAnswer | None
    cache: CacheAnswer | None
    queue: QueueAnswer


class ImageAnswer(Message):
    """An uploaded image."""

    image_id: str
    width: int
    height: int
    crs: str | None
    transform: Annotated[list[float], Field(min_length=6, max_length=6)]
    bands: int
    dtype: str


class TimingsAnswer(Message):
    """Seconds spent."""

    read_s: float
    encode_s: float
    ask_s: float
    polygons_s: float
    total_s: float


class EncodeAnswer(Message):
    """What was prepared."""

    request_id: str
    windows: int
    timings: TimingsAnswer


class PolygonGeometry(Message):
    """A GeoJSON polygon, in the raster's CRS."""

    type: Literal["Polygon"]
    coordinates: list[list[list[float]]]


class FeatureProperties(Message):
    """What is known about a polygon."""

    phrase: str
    score: float
    area_m2: float | None


class FeatureAnswer(Message):
    """A GeoJSON feature."""

    type: Literal["Feature"]
    geometry: PolygonGeometry
    properties: FeatureProperties


class PhraseAnswerBody(Message):
    """The polygons of one phrase."""

    phrase: str
    score: float
    presence: float | None
    unknown_words: list[str]
    features: list[FeatureAnswer]


class ModelId(Message):
    """Which model answered."""

    name: str
    preset: str
    sha256: str


class SegmentAnswer(Message):
    """The answer to a segment request."""

    request_id: str
    api_version: int
    engine_version: str
    model: ModelId
    crs: str | None
    results: list[PhraseAnswerBody]
    windows: int
    resolution_m: float
    timings: TimingsAnswer
    warnings: list[str]


class CancelAnswer(Message):
    """That a request was told to stop."""

    request_id: str
    cancelled: bool


ERROR_RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorAnswer, "description": "The request is at fault, or was cancelled."},
    "5XX": {"model": ErrorAnswer, "description": "The engine is at fault."},
}
