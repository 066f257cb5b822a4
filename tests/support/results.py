"""Results to write, and a writer filled with them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

import pyproj
import shapely
from rsrefseg.geo.polygons import PolygonFeature
from rsrefseg.geo.results import Provenance, ResultWriter

UTM = pyproj.CRS(32645).to_wkt()
PROVENANCE = Provenance(
    "tiny", "ab" * 32, "scene.tif", "0.1.0", datetime(2026, 3, 4, 5, 6, 7, tzinfo=timezone.utc)
)
HOLED = shapely.Polygon([(0, 0), (9, 0), (9, 9), (0, 9)], [[(2, 2), (2, 4), (4, 4), (4, 2)]])
RESULTS = (
    ("the red roofs", [PolygonFeature(HOLED, 0.75, 77.0)]),
    ("nothing", []),
    ("дом", [PolygonFeature(shapely.box(20, 0, 21, 1), 0.5, None)]),
)


def fill(
    writer: ResultWriter,
    results: Sequence[tuple[str, Sequence[PolygonFeature]]] = RESULTS,
    crs: str | None = UTM,
) -> int:
    """Write phrases with their polygons; how many polygons that were."""
    with writer:
        for phrase, features in results:
            writer.add(phrase, features, crs, PROVENANCE)
        writer.commit()
    return writer.count
