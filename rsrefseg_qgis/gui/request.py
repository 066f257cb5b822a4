"""What the panel asks for, as one frozen value."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from qgis.core import QgsReferencedRectangle

from rsrefseg_qgis.layers.relations import Relation
from rsrefseg_qgis.tasks.prompts import Prompts
from rsrefseg_qgis.tasks.reshape import Shape


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
class AskedRelation:
    """How polygons lie to a vector layer.

    Attributes:
        relation: how.
        layer_id: the layer.
        distance_m: for “within”.
    """

    relation: Relation
    layer_id: str
    distance_m: float = 0.0


@dataclass(frozen=True)
class AskRequest:
    """Phrases to find in a layer.

    Attributes:
        layer_id: the raster layer.
        phrases: what to look for, at least one.
        extent: where.
        shape: how polygons are drawn.
        relation: how polygons lie to a layer of the user's own; None for any.
        prompts: clicks and a box, in the raster's CRS.
        refines: the answer takes the place of the last one.
    """

    layer_id: str
    phrases: tuple[str, ...]
    extent: AskedExtent
    shape: Shape = field(default_factory=Shape)
    relation: AskedRelation | None = None
    prompts: Prompts = field(default_factory=Prompts)
    refines: bool = False
