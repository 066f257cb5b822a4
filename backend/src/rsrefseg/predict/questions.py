"""What the windows of a scene are asked, and whose polygons answer each phrase.

A phrase that compares all things of a scene ("the largest hall", "the ship nearest to the pier")
cannot be answered window by window. The windows are asked for the things, and the phrase is
applied to the polygons of the whole scene.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from rsrefseg.geo.parts import covered, in_cells, polygon_parts, polygon_reference
from rsrefseg.geo.polygons import LEVELS, PolygonFeature, PolygonOptions
from rsrefseg.geo.within import Area
from rsrefseg.predict.choices import Choice, read_choice
from rsrefseg.predict.drawing import Verdict, blended_bands, draw_phrase
from rsrefseg.predict.look import Cancelled
from rsrefseg.predict.plan import ScenePlan
from rsrefseg.predict.store import WindowStore
from rsrefseg.predict.types import ModelInfo


@dataclass(frozen=True)
class Question:
    """A phrase, and which answers of the windows it takes.

    Attributes:
        phrase: a tidy phrase.
        answers: numbers of the windows' answers: the phrase's own, or the things' that it chooses
            among and then those that it chooses by.
        choice: how it chooses among the things of the scene; None where windows answer it.
    """

    phrase: str
    answers: tuple[int, ...]
    choice: Choice | None = None


@dataclass(frozen=True)
class Questions:
    """All phrases of a request.

    Attributes:
        each: one for each phrase.
        asked: what the windows are asked, in the order of their answers.
    """

    each: tuple[Question, ...]
    asked: tuple[str, ...]


def compares_scene(model: ModelInfo, phrase: str) -> bool:
    """Whether the things of a scene of several windows are compared as a whole."""
    return _scene_choice(model, phrase) is not None


def _scene_choice(model: ModelInfo, phrase: str) -> Choice | None:
    choice = read_choice(phrase) if model.compares_outlines else None
    return choice if choice is not None and choice.whole else None


def plan_questions(model: ModelInfo, phrases: Sequence[str], *, as_whole: bool) -> Questions:
    """What the windows of a scene are asked.

    Args:
        model: whether it compares outlines.
        phrases: tidy phrases.
        as_whole: whether there is more to compare than one window.
    """
    numbers: dict[str, int] = {}
    each = []
    for phrase in phrases:
        choice = _scene_choice(model, phrase) if as_whole else None
        needed = (phrase,) if choice is None else choice.asked
        answers = tuple(numbers.setdefault(one, len(numbers)) for one in needed)
        each.append(Question(phrase, answers, choice))
    return Questions(tuple(each), tuple(numbers))


@dataclass(frozen=True)
class SceneAnswers:
    """What the windows of a scene said, and how that becomes polygons.

    Attributes:
        store: the answers.
        plan: the windows.
        transform: the raster's pixels to the CRS.
        crs: the CRS as WKT, or None.
        presence_threshold: windows of a lower presence count as empty; None: none do.
        within: what lies outside is cut off, in the same CRS.
    """

    store: WindowStore
    plan: ScenePlan
    transform: Affine
    crs: str | None
    presence_threshold: float | None = None
    within: Area | None = None

    def draw(
        self,
        question: Question,
        options: PolygonOptions,
        verdict: Verdict,
        cancelled: Cancelled | None = None,
    ) -> Iterator[list[PolygonFeature]]:
        """The polygons of a question, a band of the scene at a time.

        Args:
            question: one of those that the windows were asked for.
            options: threshold and clean-up.
            verdict: gets what all windows together say.
            cancelled: asked before each window.
        """
        first, *others = question.answers
        bands = self._drawn(first, options, verdict, cancelled)
        if question.choice is None:
            yield from bands
            return
        things = [feature for band in bands for feature in band]
        # What things are chosen by counts wherever a window shows it, and however small.
        anywhere, plain = replace(self, within=None), PolygonOptions(options.threshold)
        by = [
            [f for band in anywhere._drawn(one, plain, Verdict(), cancelled) for f in band]
            for one in others
        ]
        chosen = self._choose(question.choice, things, by)
        verdict.size = sum(feature.geometry.area for feature in chosen)
        verdict.level_sum = LEVELS * sum(f.score * f.geometry.area for f in chosen)
        yield chosen

    def levels(self, question: Question) -> NDArray[np.uint8]:
        """The scene's probabilities as levels from 0 to 255, where they are of what is meant."""
        bands = blended_bands(self.store, self.plan, question.answers[0], None, Verdict())
        levels = np.concatenate(list(bands))
        if question.choice is not None:
            everything = replace(self, presence_threshold=None)
            drawn = everything.draw(question, PolygonOptions(), Verdict())
            meant = [feature for band in drawn for feature in band]
            levels[~covered(self._in_cells(meant), levels.shape)] = 0
        return levels

    def _drawn(
        self,
        answer: int,
        options: PolygonOptions,
        verdict: Verdict,
        cancelled: Cancelled | None,
    ) -> Iterator[list[PolygonFeature]]:
        return draw_phrase(
            self.store,
            self.plan,
            answer,
            self.transform,
            self.crs,
            options,
            self.presence_threshold,
            verdict,
            cancelled,
            self.within,
        )

    def _choose(
        self,
        choice: Choice,
        things: Sequence[PolygonFeature],
        by: Sequence[Sequence[PolygonFeature]],
    ) -> list[PolygonFeature]:
        region = self.plan.region
        polygons = self._in_cells(things)
        parts, numbers = polygon_parts(polygons, (region.height, region.width))
        if not len(numbers):
            return []
        references = [polygon_reference(self._in_cells(one), polygons[numbers]) for one in by]
        return [things[i] for i in numbers[choice.pick(parts, references)].tolist()]

    @property
    def to_crs(self) -> Affine:
        """The region's cells to the CRS."""
        region = self.plan.region
        return self.plan.grid.transform(self.transform, region.col, region.row)

    def _in_cells(self, features: Sequence[PolygonFeature]) -> NDArray[np.object_]:
        return in_cells([feature.geometry for feature in features], self.to_crs)
