"""How good polygons are, held against a reference: plain geometry, no engine.

Objects are matched one to one, the best overlap first; a pair counts from an intersection over
union (IoU) of 0.5. Areas are measured on the ellipsoid. Where phrases are told apart, an object
matches only within its phrase, and the figures of the field are given over the phrases that the
reference has: the mean of their IoU, and Pr@0.5, the share of them with an IoU above 0.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsGeometry,
    QgsSpatialIndex,
)

from rsrefseg_qgis.errors import tr
from rsrefseg_qgis.layers.area import Measure, polygons_of

from .base import Monitor

MATCH_IOU = 0.5
TRUE_POSITIVE, FALSE_POSITIVE, MISS = "true positive", "false positive", "miss"


@dataclass(frozen=True)
class Thing:
    """A polygon of either layer, in the reference's CRS.

    Attributes:
        number: the feature's id in its layer.
        geometry: valid and not empty.
        phrase: what it is; empty where phrases are not told apart.
        score: how sure the model was of it, None when nothing says so.
    """

    number: int
    geometry: QgsGeometry
    phrase: str = ""
    score: float | None = None


@dataclass(frozen=True)
class Verdict:
    """What became of a polygon.

    Attributes:
        kind: true positive, false positive or miss.
        thing: the found polygon, or the missed one of the reference.
        iou: with what it matches; of a false positive or a miss, the best with anything.
        partner: id of the reference's feature that a true positive matches.
    """

    kind: str
    thing: Thing
    iou: float
    partner: int | None = None


@dataclass(frozen=True)
class Figures:
    """Figures of one phrase, or of everything together; None where there is nothing to divide by.

    Attributes:
        intersection_m2: area in both layers.
        union_m2: area in either.
        reference_m2: area in the reference.
        true_positives: found and there.
        false_positives: found and not there.
        misses: there and not found.
    """

    intersection_m2: float
    union_m2: float
    reference_m2: float
    true_positives: int
    false_positives: int
    misses: int

    @property
    def iou(self) -> float | None:
        """Intersection over union of all areas."""
        return _share(self.intersection_m2, self.union_m2)

    @property
    def precision(self) -> float | None:
        """Of what was found, the share that is there."""
        return _share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float | None:
        """Of what is there, the share that was found."""
        return _share(self.true_positives, self.true_positives + self.misses)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall."""
        wrong = self.false_positives + self.misses
        return _share(2 * self.true_positives, 2 * self.true_positives + wrong)

    def to_json(self) -> dict[str, float | int | None]:
        """For a report."""
        return {
            "iou": self.iou,
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "true_positives": self.true_positives,
            "false_positives": self.false_positives,
            "misses": self.misses,
            "intersection_m2": self.intersection_m2,
            "union_m2": self.union_m2,
        }


@dataclass
class Evaluation:
    """What came of it.

    Attributes:
        phrases: figures by phrase; one entry with an empty name where they are not told apart.
        verdicts: what became of each polygon.
    """

    phrases: dict[str, Figures] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def total(self) -> Figures:
        """Figures of everything together."""
        every = list(self.phrases.values())
        return Figures(
            sum(one.intersection_m2 for one in every),
            sum(one.union_m2 for one in every),
            sum(one.reference_m2 for one in every),
            sum(one.true_positives for one in every),
            sum(one.false_positives for one in every),
            sum(one.misses for one in every),
        )

    @property
    def mean_iou(self) -> float | None:
        """Mean IoU of the phrases that the reference has."""
        ious = self._ious()
        return sum(ious) / len(ious) if ious else None

    @property
    def pr50(self) -> float | None:
        """Share of the phrases that the reference has with an IoU above 0.5."""
        ious = self._ious()
        return _share(sum(iou > MATCH_IOU for iou in ious), len(ious))

    def _ious(self) -> list[float]:
        return [one.iou or 0.0 for one in self.phrases.values() if one.reference_m2 > 0]


def evaluate(
    found: Sequence[Thing],
    reference: Sequence[Thing],
    crs: QgsCoordinateReferenceSystem,
    monitor: Monitor,
) -> Evaluation:
    """Hold polygons against a reference, in this thread.

    Args:
        found: what is to be judged, in the reference's CRS.
        reference: what is true.
        crs: of both.
        monitor: asked whether to stop.

    Raises:
        CancelledError: the monitor said stop.
    """
    measure = Measure(crs)
    result = Evaluation()
    phrases = list(dict.fromkeys(thing.phrase for thing in [*reference, *found]))
    for index, phrase in enumerate(phrases):
        monitor.report(index / len(phrases), tr("Comparing…"))
        ours = [thing for thing in found if thing.phrase == phrase]
        theirs = [thing for thing in reference if thing.phrase == phrase]
        verdicts = match(ours, theirs, monitor)
        result.verdicts += verdicts
        result.phrases[phrase] = _figures(ours, theirs, verdicts, measure)
    return result


def match(found: Sequence[Thing], reference: Sequence[Thing], monitor: Monitor) -> list[Verdict]:
    """Pair polygons one to one, the best overlaps first.

    Raises:
        CancelledError: the monitor said stop.
    """
    pairs = _overlaps(found, reference, monitor)
    best_found = [0.0] * len(found)
    best_reference = [0.0] * len(reference)
    partner: dict[int, tuple[int, float]] = {}
    taken: set[int] = set()
    for iou, i, j in pairs:
        best_found[i] = max(best_found[i], iou)
        best_reference[j] = max(best_reference[j], iou)
        if iou >= MATCH_IOU and i not in partner and j not in taken:
            partner[i] = (j, iou)
            taken.add(j)
    verdicts = []
    for i, thing in enumerate(found):
        if i in partner:
            j, iou = partner[i]
            verdicts.append(Verdict(TRUE_POSITIVE, thing, iou, reference[j].number))
        else:
            verdicts.append(Verdict(FALSE_POSITIVE, thing, best_found[i]))
    verdicts += [
        Verdict(MISS, thing, best_reference[j])
        for j, thing in enumerate(reference)
        if j not in taken
    ]
    return verdicts


def _overlaps(
    found: Sequence[Thing], reference: Sequence[Thing], monitor: Monitor
) -> list[tuple[float, int, int]]:
    """IoU and positions of all pairs that overlap, the best first."""
    index = QgsSpatialIndex()
    for i, thing in enumerate(found):
        entry = QgsFeature(i)
        entry.setGeometry(thing.geometry)
        index.addFeature(entry)
    pairs = []
    for j, thing in enumerate(reference):
        monitor.check()
        for i in index.intersects(thing.geometry.boundingBox()):
            shared = found[i].geometry.intersection(thing.geometry).area()
            if shared > 0:
                union = found[i].geometry.area() + thing.geometry.area() - shared
                pairs.append((shared / union, i, j))
    # ties by position, so that the outcome is the same on every machine
    return sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2]))


def _figures(
    found: Sequence[Thing],
    reference: Sequence[Thing],
    verdicts: Sequence[Verdict],
    measure: Measure,
) -> Figures:
    ours = polygons_of(QgsGeometry.unaryUnion([thing.geometry for thing in found]))
    theirs = polygons_of(QgsGeometry.unaryUnion([thing.geometry for thing in reference]))
    our_area = 0.0 if ours.isEmpty() else measure.area(ours)
    their_area = 0.0 if theirs.isEmpty() else measure.area(theirs)
    both = 0.0
    if not ours.isEmpty() and not theirs.isEmpty():
        shared = polygons_of(ours.intersection(theirs))
        both = 0.0 if shared.isEmpty() else measure.area(shared)
    kinds = [verdict.kind for verdict in verdicts]
    return Figures(
        both,
        our_area + their_area - both,
        their_area,
        kinds.count(TRUE_POSITIVE),
        kinds.count(FALSE_POSITIVE),
        kinds.count(MISS),
    )


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None
