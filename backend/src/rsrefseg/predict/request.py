"""A request on a raster, and its result."""

from __future__ import annotations

from dataclasses import dataclass

from rsrefseg.errors import InputError
from rsrefseg.geo.extent import Bounds
from rsrefseg.geo.polygons import PolygonFeature, PolygonOptions
from rsrefseg.geo.raster import ReadOptions
from rsrefseg.predict.timings import Timings
from rsrefseg.predict.types import ModelFacts


@dataclass(frozen=True)
class SegmentRequest:
    """What to look for, where, and how to draw it.

    Attributes:
        phrases: what to look for.
        threshold: a pixel belongs when its probability is above this.
        presence_threshold: below this presence nothing matches; None: the model's own.
        min_area_m2: smaller polygons are left out.
        simplify_m: detail up to about this size goes; 0 keeps the pixel edges.
        fill_holes_m2: holes up to this area are filled.
        right_angles: straighten outlines that nearly have right angles.
        smooth_m: corners are cut round, at most this far along their sides.
        ground_resolution_m: metres per pixel that the model sees; None: see `plan_scene`.
        extent: xmin, ymin, xmax, ymax in the raster's CRS; None: all of it.
        bands: which bands to show: auto, false-colour, pan, or numbers such as 4,3,2.
        stretch: how numbers become colours: auto, percentile, min-max, or limits such as 0:3000.
    """

    phrases: tuple[str, ...]
    threshold: float = 0.5
    presence_threshold: float | None = None
    min_area_m2: float = 0.0
    simplify_m: float = 0.0
    fill_holes_m2: float = 0.0
    right_angles: bool = False
    smooth_m: float = 0.0
    ground_resolution_m: float | None = None
    extent: Bounds | None = None
    bands: str = "auto"
    stretch: str = "auto"

    def __post_init__(self) -> None:
        """Refuse values that mean nothing.

        Raises:
            InputError: a value is out of its range.
        """
        if self.presence_threshold is not None and not 0.0 <= self.presence_threshold <= 1.0:
            raise InputError("The presence threshold must be from 0 to 1.")
        _ = self.polygon_options, self.read_options

    @property
    def read_options(self) -> ReadOptions:
        """The part that is about colours."""
        return ReadOptions(self.bands, self.stretch)

    @property
    def polygon_options(self) -> PolygonOptions:
        """The part that is about drawing."""
        return PolygonOptions(
            threshold=self.threshold,
            min_area_m2=self.min_area_m2,
            simplify_m=self.simplify_m,
            fill_holes_m2=self.fill_holes_m2,
            right_angles=self.right_angles,
            smooth_m=self.smooth_m,
        )


@dataclass(frozen=True)
class PhraseResult:
    """The polygons of one phrase.

    Attributes:
        phrase: the phrase, tidied.
        score: mean probability of what was drawn; the best probability if nothing was.
        presence: the highest presence of any window, or None.
        unknown_words: words that the model never learnt.
        features: the polygons.
        any_data: whether there was anything to look at.
    """

    phrase: str
    score: float
    presence: float | None
    unknown_words: tuple[str, ...]
    features: tuple[PolygonFeature, ...]
    any_data: bool = True


@dataclass(frozen=True)
class SegmentResult:
    """All that is known about a request.

    Attributes:
        crs: the raster's CRS as WKT, or None.
        results: one per phrase.
        windows: how many the model looked at.
        resolution_m: metres per pixel that it saw.
        timings: seconds.
        warnings: sentences for the user.
    """

    crs: str | None
    results: tuple[PhraseResult, ...]
    windows: int
    resolution_m: float
    timings: Timings
    warnings: tuple[str, ...]


def presence_threshold(predictor: ModelFacts, request: SegmentRequest) -> float | None:
    """The asked presence threshold, or the model's own."""
    if request.presence_threshold is not None:
        return request.presence_threshold
    return predictor.info.presence_threshold
