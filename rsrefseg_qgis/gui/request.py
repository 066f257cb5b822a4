"""What the panel asks for, as one frozen value."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from qgis.core import QgsReferencedRectangle


class ExtentMode(enum.Enum):
    """What part of the layer is looked at; the values are those of the settings."""

    CANVAS = "canvas"
    LAYER = "layer"
    DRAWN = "drawn"
    SELECTED = "selected"


@dataclass(frozen=True)
class AskedExtent:
    """An extent as the user chose it.

    Attributes:
        mode: how it was chosen.
        rectangle: with its CRS; None for the whole layer.
        map_units_per_pixel: of the map on the screen, in the rectangle's CRS.
    """

    mode: ExtentMode
    rectangle: QgsReferencedRectangle | None = None
    map_units_per_pixel: float | None = None


@dataclass(frozen=True)
class AskRequest:
    """Phrases to find in a layer.

    Attributes:
        layer_id: the raster layer.
        phrases: what to look for, at least one.
        extent: where.
        threshold: probability from which a pixel counts.
        min_area_m2: smaller polygons are left out.
        simplify_m: tolerance of outline simplification.
    """

    layer_id: str
    phrases: tuple[str, ...]
    extent: AskedExtent
    threshold: float = 0.5
    min_area_m2: float = 0.0
    simplify_m: float = 0.0
