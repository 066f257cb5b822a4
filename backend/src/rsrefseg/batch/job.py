"""A job: phrases on rasters into one file, resumable at every window."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from rsrefseg import __version__
from rsrefseg.batch.folder import JobFolder, differences, digest
from rsrefseg.errors import ExtentError, InputError, OutputError
from rsrefseg.geo.raster import RasterSource, open_raster, place_of
from rsrefseg.geo.results import LAYER_NAME, Provenance, ResultWriter
from rsrefseg.geo.vector import check_output, layer_names, read_metadata, result_writer
from rsrefseg.geo.within import Area, read_area
from rsrefseg.predict.drawing import Verdict
from rsrefseg.predict.look import Cancelled, Progress, check, look
from rsrefseg.predict.plan import ScenePlan, plan_scene
from rsrefseg.predict.questions import Questions, SceneAnswers, plan_questions
from rsrefseg.predict.request import SegmentRequest, presence_threshold
from rsrefseg.predict.scene import scene_warnings
from rsrefseg.predict.store import FileStore
from rsrefseg.predict.timings import Timings
from rsrefseg.predict.types import ModelFacts, Predictor

_JOB_KEY = "RSREFSEG_JOB"
# Of a raster's progress, what the windows are; the rest are the polygons.
_LOOKING_SHARE = 0.9

Look = Callable[
    [RasterSource, ScenePlan, Sequence[str], FileStore, Timings, Progress, Cancelled], None
]


@dataclass(frozen=True)
class Job:
    """What to do.

    Attributes:
        sources: the rasters.
        request: phrases, extent, resolution and how to draw.
        output: the GeoPackage or GeoParquet file.
        layer_per_phrase: a layer for each phrase in place of one for all; in a GeoPackage.
        overwrite: replace the output.
        resume: go on with what an earlier process began.
        within: a layer of polygons, in any CRS; only what lies inside them is looked at and kept.
    """

    sources: tuple[str, ...]
    request: SegmentRequest
    output: Path
    layer_per_phrase: bool = False
    overwrite: bool = False
    resume: bool = False
    within: Path | None = None


@dataclass
class PhraseTotal:
    """What a job found of one phrase.

    Attributes:
        polygons: how many.
        score: the best score of any raster.
        presence: the highest presence of any raster, or None.
    """

    polygons: int = 0
    score: float = 0.0
    presence: float | None = None


@dataclass
class JobReport:
    """What a job did.

    Attributes:
        phrases: totals by phrase.
        windows: windows of all rasters.
        looked: windows that this process looked at; the others were there before.
        timings: seconds.
        warnings: sentences for the user, each once.
        already_done: the output was complete before.
    """

    phrases: dict[str, PhraseTotal] = field(default_factory=dict)
    windows: int = 0
    looked: int = 0
    timings: Timings = field(default_factory=Timings)
    warnings: dict[str, None] = field(default_factory=dict)
    already_done: bool = False


def precision_of(output: Path) -> tuple[str, str] | None:
    """Device and precision that an unfinished job was begun with, to go on exactly alike."""
    begun = JobFolder(output).begun()
    identity = begun.get("identity", {}) if begun else {}
    if "device" in identity and "precision" in identity:
        return str(identity["device"]), str(identity["precision"])
    return None


def run_job(
    job: Job,
    predictor: Predictor,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> JobReport:
    """Do a job in this process, or go on with it.

    Args:
        job: what to do.
        predictor: the model.
        progress: told the fraction done and a sentence.
        cancelled: asked before each window.

    Returns:
        What was done; the output is complete.

    Raises:
        OutputError: the output cannot be written, is there already, or was begun otherwise.
        RasterError: a raster cannot be read.
        PhraseError: a phrase cannot be used.
        CancelledError: `cancelled` said so; what was done is kept for `resume`.
    """
    return run_job_with(job, predictor, partial(look, predictor), progress, cancelled)


def run_job_with(
    job: Job,
    model: ModelFacts,
    look_at_windows: Look,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> JobReport:
    """Do a job whose windows are looked at somewhere else; see `run_job`.

    Args:
        job: what to do.
        model: what is known about the model.
        look_at_windows: has it answer the windows that a store lacks.
        progress: told the fraction done and a sentence.
        cancelled: asked before each window.
    """
    phrases = model.check_phrases(job.request.phrases)
    if job.request.extent is not None and len(job.sources) > 1:
        raise InputError("An extent goes with one raster: give one raster, or no extent.")
    identity = _identity(job, phrases, model)
    report = JobReport(phrases={phrase: PhraseTotal() for phrase in phrases})
    if job.resume and read_metadata(job.output).get(_JOB_KEY) == digest(identity):
        JobFolder(job.output).remove()
        report.already_done = True
        return report
    check_output(job.output, overwrite=job.overwrite, layer_per_phrase=job.layer_per_phrase)
    with JobFolder(job.output) as folder, report.timings.measure("total_s"):
        created = _begin(folder, job, identity)
        run = _Run(job, model, phrases, folder, created, report, progress, cancelled)
        run.look(look_at_windows)
        run.draw(digest(identity))
        folder.remove()
    return report


def _begin(folder: JobFolder, job: Job, identity: dict[str, Any]) -> datetime:
    """The time of an earlier beginning when going on, else of now."""
    begun = folder.begun() if job.resume else None
    if begun is None:
        return folder.begin(identity)
    changed = differences(begun.get("identity", {}), identity)
    if changed:
        raise OutputError(
            f"{job.output} was begun with other settings ({', '.join(changed)}): give the same "
            "again, or leave out --resume to begin anew."
        )
    return datetime.fromisoformat(str(begun["created"]))


def _identity(job: Job, phrases: Sequence[str], model: ModelFacts) -> dict[str, Any]:
    """All that decides on the polygons, and nothing else."""
    request = asdict(job.request)
    request["phrases"] = list(phrases)
    request["extent"] = None if job.request.extent is None else list(job.request.extent)
    return {
        "rasters": [_fingerprint(source) for source in job.sources],
        "engine_version": __version__,
        "model": model.info.sha256,
        "device": model.device.kind,
        "precision": model.device.precision,
        "layer_per_phrase": job.layer_per_phrase,
        "polygons": None if job.within is None else _fingerprint(str(job.within)),
        **request,
    }


def _fingerprint(source: str) -> list[Any]:
    with contextlib.suppress(OSError):
        stat = Path(source).stat()
        return [source, stat.st_size, stat.st_mtime_ns]
    return [source]


class _Run:
    """One process's work on a job."""

    def __init__(
        self,
        job: Job,
        model: ModelFacts,
        phrases: list[str],
        folder: JobFolder,
        created: datetime,
        report: JobReport,
        progress: Progress | None,
        cancelled: Cancelled | None,
    ) -> None:
        self._job = job
        self._model = model
        self._phrases = phrases
        self._folder = folder
        self._created = created
        self._report = report
        self._tell = progress or (lambda _fraction, _sentence: None)
        self._cancelled = cancelled or (lambda: False)
        self._area = None if job.within is None else read_area(job.within)

    def look(self, look_at_windows: Look) -> None:
        """Have all windows of all rasters answered."""
        for number, _ in enumerate(self._job.sources):
            with self._opened(number) as (raster, plan, store):
                missing = sum(i not in store for i in range(len(plan.windows)))
                self._report.windows += len(plan.windows)
                self._report.looked += missing
                if missing:
                    progress = self._share(number, 0.0, _LOOKING_SHARE)
                    look_at_windows(
                        raster,
                        plan,
                        self._questions(plan).asked,
                        store,
                        self._report.timings,
                        progress,
                        self._cancelled,
                    )

    def draw(self, identity: str) -> None:
        """Write the polygons of everything."""
        names = layer_names(self._phrases) if self._job.layer_per_phrase else {}
        with (
            self._report.timings.measure("polygons_s"),
            result_writer(self._job.output, self._created, {_JOB_KEY: identity}) as writer,
        ):
            for number, _ in enumerate(self._job.sources):
                with self._opened(number) as (raster, plan, store):
                    self._draw_raster(number, raster, plan, store, writer, names)
            check(self._cancelled)
            writer.commit()
        self._tell(1.0, "Done.")

    def _draw_raster(
        self,
        number: int,
        raster: RasterSource,
        plan: ScenePlan,
        store: FileStore,
        writer: ResultWriter,
        names: dict[str, str],
    ) -> None:
        answers = SceneAnswers(
            store,
            plan,
            raster.transform,
            raster.crs,
            presence_threshold(self._model, self._job.request),
            None if self._area is None else self._area.placed(raster.crs),
        )
        options = self._job.request.polygon_options
        provenance = self._provenance(self._job.sources[number])
        tell = self._share(number, _LOOKING_SHARE, 1.0)
        any_data = False
        for i, question in enumerate(self._questions(plan).each):
            phrase = question.phrase
            tell(i / len(self._phrases), f"Drawing the polygons of '{phrase}'.")
            verdict = Verdict()
            total = self._report.phrases[phrase]
            layer = names.get(phrase, LAYER_NAME)
            for features in answers.draw(question, options, verdict, self._cancelled):
                total.polygons += len(features)
                writer.add(phrase, features, raster.crs, provenance, layer)
            total.score = max(total.score, verdict.score)
            if verdict.presence is not None:
                total.presence = max(total.presence or 0.0, verdict.presence)
            any_data |= verdict.any_data
        for sentence in self._sentences(raster, plan, any_data=any_data):
            self._report.warnings[sentence] = None

    def _questions(self, plan: ScenePlan) -> Questions:
        as_whole = len(plan.windows) > 1 or self._area is not None
        return plan_questions(self._model.info, self._phrases, as_whole=as_whole)

    def _sentences(self, raster: RasterSource, plan: ScenePlan, *, any_data: bool) -> list[str]:
        several = len(self._job.sources) > 1
        about = [f"{raster.name}: {s}" if several else s for s in raster.warnings]
        return about + scene_warnings(
            self._model, self._phrases, len(plan.windows), any_data=any_data
        )

    def _provenance(self, source: str) -> Provenance:
        info = self._model.info
        return Provenance(info.name, info.sha256, source, __version__, self._created)

    def _share(self, number: int, start: float, end: float) -> Progress:
        """Progress of a part of a raster as progress of the job."""
        count = len(self._job.sources)
        prefix = f"Raster {number + 1} of {count}. " if count > 1 else ""

        def tell(fraction: float, sentence: str) -> None:
            inside = start + (end - start) * fraction
            self._tell((number + inside) / count, prefix + sentence)

        return tell

    @contextlib.contextmanager
    def _opened(self, number: int) -> Iterator[tuple[RasterSource, ScenePlan, FileStore]]:
        source = self._job.sources[number]
        request = self._job.request
        with (
            open_raster(place_of(source), read=request.read_options) as raster,
            FileStore(self._folder.path / f"windows-{number}") as store,
        ):
            plan = plan_scene(raster, self._model.info, request.extent, request.ground_resolution_m)
            if self._area is not None:
                plan = self._inside(self._area.placed(raster.crs), plan, raster)
            yield raster, plan, store

    def _inside(self, area: Area, plan: ScenePlan, raster: RasterSource) -> ScenePlan:
        """The windows that touch the job's polygons; of several rasters, some may have none."""
        touched = area.touches(plan.windows, plan.grid, raster.transform)
        if not touched.any() and len(self._job.sources) == 1:
            raise ExtentError(
                "The polygons do not touch the raster: choose polygons over the raster."
            )
        windows = (span for span, is_in in zip(plan.windows, touched, strict=True) if is_in)
        return replace(plan, windows=tuple(windows))
