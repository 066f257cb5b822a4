"""Keeping the polygons of an answer that lie as asked to a layer of the user's own."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from qgis.core import QgsCoordinateReferenceSystem, QgsFeature

from rsrefseg_qgis.layers.provenance import RunRecord
from rsrefseg_qgis.layers.relations import Relation, RelationRule, related


def keep_related(
    record: RunRecord,
    features: Sequence[QgsFeature],
    rule: RelationRule | None,
    crs: QgsCoordinateReferenceSystem,
    resolution_m: float | None,
) -> tuple[RunRecord, tuple[QgsFeature, ...], int]:
    """What is kept, with the record that says so, and how many are left out.

    Args:
        record: of the run.
        features: its polygons, in ``crs``.
        rule: what to keep to; None to keep all.
        crs: of the raster.
        resolution_m: of the answer; outlines are no more exact than that.

    Raises:
        LayerError: the rule's layer has nothing near, or cannot be expressed in the CRS.
    """
    if rule is None:
        return record, tuple(features), 0
    kept = related(rule, features, crs, record.extent, resolution_m or 0.0)
    record = dataclasses.replace(
        record,
        count=len(kept),
        relation=rule.relation.value,
        related_id=rule.layer_id,
        related_name=rule.name,
        related_m=rule.distance_m if rule.relation is Relation.WITHIN else 0.0,
    )
    return record, tuple(kept), len(features) - len(kept)
