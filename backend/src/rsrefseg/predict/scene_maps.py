"""What a request on several windows left behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rsrefseg.errors import InputError
from rsrefseg.geo.polygons import PolygonOptions
from rsrefseg.predict.drawing import Verdict
from rsrefseg.predict.look import Cancelled, Progress
from rsrefseg.predict.maps import pick, probability_tiff
from rsrefseg.predict.questions import Questions, SceneAnswers
from rsrefseg.predict.request import PhraseResult, SegmentResult
from rsrefseg.predict.timings import Timings


@dataclass(frozen=True)
class SceneMaps:
    """The windows of a request as they were answered; blended whenever they are drawn.

    Attributes:
        answers: what the windows said.
        questions: the phrases, and what the windows were asked for them.
        unknown_words: for each phrase, words that the model never learnt.
        warnings: sentences for the user.
    """

    answers: SceneAnswers
    questions: Questions
    unknown_words: tuple[tuple[str, ...], ...]
    warnings: tuple[str, ...] = ()

    @property
    def nbytes(self) -> int:
        """Memory that the answers take, the validity of every pixel included."""
        cells = sum(span.width * span.height for span in self.answers.plan.windows)
        return cells * (len(self.questions.asked) + 1)

    def draw(
        self,
        options: PolygonOptions,
        timings: Timings,
        *,
        phrases: Sequence[str] | None = None,
        presence_threshold: float | None = None,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
    ) -> SegmentResult:
        """The request's result under other options; see `maps.KeptMaps`."""
        answers, plan = self.answers, self.answers.plan
        if presence_threshold is not None:
            answers = replace(answers, presence_threshold=presence_threshold)
        results = []
        wanted = self._numbers(phrases)
        with timings.measure("polygons_s"):
            for done, i in enumerate(wanted):
                question, verdict = self.questions.each[i], Verdict()
                if progress:
                    progress(done / len(wanted), f"Drawing the polygons of '{question.phrase}'.")
                bands = answers.draw(question, options, verdict, cancelled)
                features = tuple(feature for band in bands for feature in band)
                results.append(
                    PhraseResult(
                        question.phrase,
                        verdict.score,
                        verdict.presence,
                        self.unknown_words[i],
                        features,
                        verdict.any_data,
                    )
                )
        return SegmentResult(
            answers.crs,
            tuple(results),
            len(plan.windows),
            plan.resolution_m,
            timings,
            self.warnings,
        )

    def probability_tiff(self, phrase: str | None) -> bytes:
        """A phrase's probability as a GeoTIFF: float32, 0 to 1, NaN where there is no data."""
        question = self.questions.each[self._numbers(None if phrase is None else [phrase])[0]]
        answers = self.answers
        levels = answers.levels(question)
        return probability_tiff(question.phrase, levels, self._valid(), answers.to_crs, answers.crs)

    def heat_tiff(self, phrase: str | None) -> bytes:
        """There is none.

        Raises:
            InputError: always.
        """
        raise InputError(
            f"The extent was judged in {len(self.answers.plan.windows)} windows, so there is no "
            "one map of where the model looked: choose a smaller extent or a coarser ground "
            "resolution."
        )

    def _numbers(self, phrases: Sequence[str] | None) -> list[int]:
        each = self.questions.each
        return pick(range(len(each)), [question.phrase for question in each], phrases)

    def _valid(self) -> NDArray[np.bool_]:
        """Where some window had data, on the region."""
        plan = self.answers.plan
        region = plan.region
        valid = np.zeros((region.height, region.width), dtype=np.bool_)
        for i, span in enumerate(plan.windows):
            said = self.answers.store.get(i, 0)
            if said.levels is None:
                continue
            top, left = max(span.row, region.row), max(span.col, region.col)
            bottom = min(span.row + span.height, region.row + region.height)
            right = min(span.col + span.width, region.col + region.width)
            inner = np.s_[top - span.row : bottom - span.row, left - span.col : right - span.col]
            outer = np.s_[
                top - region.row : bottom - region.row, left - region.col : right - region.col
            ]
            valid[outer] |= True if said.valid is None else said.valid[inner]
        return valid
