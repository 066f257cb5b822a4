"""What a result layer says of itself: enough to know what made it and to run it again."""

from __future__ import annotations

import json
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from .grid import Extent

PROPERTY = "rsrefseg/request"


@dataclass(frozen=True)
class RunRecord:
    """A request with what answered it.

    Attributes:
        phrase: what was asked for.
        layer_id: of the raster, to be found again in the same project.
        layer_name: its name.
        source: its source, without passwords and keys.
        extent: what was asked about, in ``crs``.
        crs: the raster's CRS as WKT, empty when it has none.
        resolution: pixel size that was asked of a map service, in map units.
        ground_resolution_m: the resolution that was asked of the engine, None for its choice.
        threshold: probability from which a pixel counts.
        min_area_m2: smaller polygons were left out.
        simplify_m: tolerance of outline simplification.
        model: name of the model.
        model_hash: SHA-256 of its weights.
        engine_version: of the engine.
        created: ISO 8601 with time zone.
        score: how sure the model is of the phrase as a whole.
        presence: how likely it is that the phrase has a match, None when the model cannot say.
        count: polygons that were found.
        right_angles: whether corners were made square.
        relation: value of the `Relation` to a layer of the user's that was kept to, or empty.
        related_id: id of that layer.
        related_name: its name.
        related_m: for “within”, how far.
        guess: whether the model says that nothing matches, and this is its best guess.
        points: clicks, in ``crs``.
        point_labels: for each click, 1 inside the target, 0 outside.
        box: a box around the target, as ``extent``.
    """

    phrase: str
    layer_id: str
    layer_name: str
    source: str
    extent: Extent
    crs: str
    resolution: float | None
    ground_resolution_m: float | None
    threshold: float
    min_area_m2: float
    simplify_m: float
    model: str
    model_hash: str
    engine_version: str
    created: str
    score: float
    presence: float | None
    count: int
    right_angles: bool = False
    relation: str = ""
    related_id: str = ""
    related_name: str = ""
    related_m: float = 0.0
    guess: bool = False
    points: tuple[tuple[float, float], ...] = ()
    point_labels: tuple[int, ...] = ()
    box: Extent | None = None

    def to_json(self) -> str:
        """As text, for a layer's or a project's property."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> RunRecord | None:
        """Read what `to_json` wrote, of older versions too; None when it is something else.

        Unknown keys are dropped.
        """
        try:
            data: Any = json.loads(text)
            known = {
                field.name: data[field.name]
                for field in fields(cls)
                if field.name in data or field.default is MISSING
            }
            known["extent"] = _extent(known["extent"])
            known["box"] = _extent(known["box"]) if known.get("box") else None
            known["points"] = tuple((float(x), float(y)) for x, y in known.get("points", ()))
            known["point_labels"] = tuple(known.get("point_labels", ()))
            return cls(**known)
        except (ValueError, KeyError, TypeError):
            return None


def _extent(numbers: Any) -> Extent:
    x_min, y_min, x_max, y_max = (float(value) for value in numbers)
    return (x_min, y_min, x_max, y_max)
