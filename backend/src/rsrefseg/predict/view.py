"""An extent that the model judges as one window: read once, asked again and again.

This is the way of somebody who types, clicks and drags a threshold. It gives what
`scene.segment_raster` gives on the same request, without opening, reading and hashing the raster
again for every phrase.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from rsrefseg.errors import InputError
from rsrefseg.geo.extent import Bounds
from rsrefseg.geo.polygons import quantise
from rsrefseg.geo.raster import open_raster
from rsrefseg.predict.digest import image_digest
from rsrefseg.predict.look import Cancelled, check
from rsrefseg.predict.maps import PhraseMap, ViewMaps
from rsrefseg.predict.plan import plan_scene
from rsrefseg.predict.request import SegmentRequest, presence_threshold
from rsrefseg.predict.timings import Timings
from rsrefseg.predict.types import ModelInfo, Predictor, Prompts

_BELOW_ONE = 1 - 2**-24
_NO_DATA = "The extent holds no data: choose one over the raster's image."


@dataclass(frozen=True)
class View:
    """One window of a raster, as the model sees it.

    Attributes:
        image: H x W x 3 uint8.
        valid: H x W, where there is data; None: everywhere.
        content_px: height and width that it takes up in the model's tile.
        transform: pixels to the CRS.
        crs: the CRS as WKT, or None.
        resolution_m: metres per pixel that the model sees.
        warnings: sentences about the raster.
        digest: names the image by its pixels.
    """

    image: NDArray[np.uint8]
    valid: NDArray[np.bool_] | None
    content_px: tuple[int, int]
    transform: Affine
    crs: str | None
    resolution_m: float
    warnings: tuple[str, ...]
    digest: bytes

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return self.image.nbytes + (0 if self.valid is None else self.valid.nbytes)

    @property
    def has_data(self) -> bool:
        """Whether there is anything to look at."""
        return self.valid is None or bool(self.valid.any())


def open_view(
    model: ModelInfo,
    source: str | Path | bytes,
    extent: Bounds | None,
    ground_resolution_m: float | None,
    *,
    name: str | None = None,
    drivers: Sequence[str] | None = None,
) -> View | None:
    """Read an extent that fits into one window; None when it takes several.

    Args:
        model: decides on the resolution.
        source: a raster's path, or a GeoTIFF's bytes.
        extent: in the raster's CRS; None for all of it.
        ground_resolution_m: metres per pixel that the model is to see.
        name: what errors call the raster.
        drivers: GDAL drivers that may open it; all when None.

    Raises:
        RasterError: the raster cannot be read.
        ExtentError: the extent misses the raster.
    """
    with open_raster(source, name=name, drivers=drivers) as raster:
        plan = plan_scene(raster, model, extent, ground_resolution_m)
        if len(plan.windows) > 1 or plan.windows[0] != plan.region:
            return None
        span = plan.region
        tile = raster.read_rgb(plan.grid.pixels(span), (span.height, span.width))
        return View(
            image=tile.image,
            valid=tile.known,
            content_px=plan.content_px(span),
            transform=plan.grid.transform(raster.transform, span.col, span.row),
            crs=raster.crs,
            resolution_m=plan.resolution_m,
            warnings=tuple(raster.warnings),
            digest=image_digest(tile.image),
        )


def ask_view(
    predictor: Predictor,
    view: View,
    request: SegmentRequest,
    timings: Timings,
    *,
    prompts: Prompts | None = None,
    cancelled: Cancelled | None = None,
) -> ViewMaps:
    """Probability maps of a request's phrases on a view.

    Raises:
        PhraseError: a phrase cannot be used.
        CancelledError: `cancelled` said so.
    """
    phrases = predictor.check_phrases(request.phrases)
    warnings = [*view.warnings]
    if view.has_data:
        found = _look(predictor, view, phrases, prompts, timings, cancelled)
    else:
        warnings.append(_NO_DATA)
        empty = np.zeros(view.image.shape[:2], np.uint8)
        found = [PhraseMap(p, empty, None, predictor.unknown_words(p)) for p in phrases]
    for phrase in phrases:
        warnings += predictor.phrase_warnings(phrase)
    return ViewMaps(
        phrases=tuple(found),
        transform=view.transform,
        crs=view.crs,
        valid=view.valid,
        resolution_m=view.resolution_m,
        presence_threshold=presence_threshold(predictor, request),
        warnings=tuple(warnings),
        any_data=view.has_data,
    )


def _look(
    predictor: Predictor,
    view: View,
    phrases: Sequence[str],
    prompts: Prompts | None,
    timings: Timings,
    cancelled: Cancelled | None,
) -> list[PhraseMap]:
    with timings.measure("encode_s"):
        encoded = predictor.encode(view.image, view.content_px, digest=view.digest)
    check(cancelled)
    with timings.measure("ask_s"):
        answers = predictor.ask(replace(encoded, valid=view.valid), phrases, prompts)
    maps = []
    for answer in answers:
        levels = quantise(answer.probability)
        even = (
            levels.shape[0] / answer.heat.shape[0],
            levels.shape[1] / answer.heat.shape[1],
        )
        maps.append(
            PhraseMap(
                phrase=answer.phrase,
                levels=levels,
                presence=answer.presence,
                unknown_words=answer.unknown_words,
                heat=answer.heat,
                heat_px=answer.heat_px or even,
            )
        )
    return maps


def place_prompts(
    view: View,
    points: Sequence[tuple[float, float]],
    labels: Sequence[int],
    box: Bounds | None,
) -> Prompts:
    """Clicks and a box in the raster's CRS as shares of a view's width and height.

    Args:
        view: what they are on.
        points: x, y.
        labels: 1 inside the target, 0 outside it, one for each point.
        box: xmin, ymin, xmax, ymax.

    Raises:
        InputError: one of them lies outside the view.
    """
    height, width = view.image.shape[:2]
    to_pixel = ~view.transform
    placed = [to_pixel @ point for point in points]
    if any(not (0 <= x <= width and 0 <= y <= height) for x, y in placed):
        raise InputError("A click lies outside the extent that was asked about: click inside it.")
    shares = [(min(x / width, _BELOW_ONE), min(y / height, _BELOW_ONE)) for x, y in placed]
    return Prompts(
        points=np.array(shares, dtype=np.float32).reshape(-1, 2),
        labels=np.array(labels, dtype=np.int64),
        box=None if box is None else _place_box(to_pixel, box, width, height),
    )


def _place_box(
    to_pixel: Affine, box: Bounds, width: int, height: int
) -> tuple[float, float, float, float]:
    corners = [to_pixel @ (x, y) for x in (box[0], box[2]) for y in (box[1], box[3])]
    columns, rows = [c[0] for c in corners], [c[1] for c in corners]
    left, right = max(0.0, min(columns)), min(float(width), max(columns))
    top, bottom = max(0.0, min(rows)), min(float(height), max(rows))
    if left >= right or top >= bottom:
        raise InputError("The box lies outside the extent that was asked about: draw it inside.")
    return left / width, top / height, right / width, bottom / height
