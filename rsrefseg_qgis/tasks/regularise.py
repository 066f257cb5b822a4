"""Right angles for the polygons of any layer; the engine's geometry does it, without its model."""

from __future__ import annotations

import json
from collections.abc import Sequence

from qgis.core import QgsCoordinateReferenceSystem, QgsGeometry

from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.errors import tr
from rsrefseg_qgis.layers.result import geometry_from_geojson
from rsrefseg_qgis.layers.snapshot import crs_wkt

from .base import Monitor
from .calls import interruptible, once_more

# Few enough for progress and a cancel to be felt, enough for the way to the engine not to count.
BATCH = 200
# Digits behind the point: of degrees, less than a thousandth of a millimetre.
DIGITS = 12


def regularise(
    geometries: Sequence[QgsGeometry],
    crs: QgsCoordinateReferenceSystem,
    tolerance_m: float,
    manager: EngineManager,
    monitor: Monitor,
) -> list[QgsGeometry]:
    """Polygons with right angles where they nearly have them, in this thread.

    Args:
        geometries: valid multipolygons; empty ones stay empty.
        crs: of all.
        tolerance_m: how far an outline may move; in the coordinates' unit without a CRS.
        manager: of the engine.
        monitor: asked whether to stop.

    Returns:
        Valid multipolygons in the same order.

    Raises:
        EngineError: the engine cannot.
        CancelledError: the monitor said stop.
    """
    made = [QgsGeometry() for _ in geometries]
    numbers = [number for number, item in enumerate(geometries) if not item.isEmpty()]
    wkt = crs_wkt(crs) if crs.isValid() else None
    for start in range(0, len(numbers), BATCH):
        monitor.check()
        monitor.report(start / len(numbers), tr("Straightening…"))
        batch = numbers[start : start + BATCH]
        messages = [json.loads(geometries[number].asJson(DIGITS)) for number in batch]

        def ask(messages: list[dict[str, object]] = messages) -> list[QgsGeometry]:
            client = manager.ensure(monitor.cancelled, wait_for_model=False)
            answers = interruptible(lambda: client.regularise(messages, wkt, tolerance_m), monitor)
            return [geometry_from_geojson(answer) for answer in answers]

        for number, geometry in zip(batch, once_more(ask, monitor)):
            made[number] = geometry if geometry.isGeosValid() else geometries[number]
    return made
