"""`rsrefseg segment`: phrases on rasters, polygons into a GeoPackage or GeoParquet file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from rsrefseg.batch.job import Job, JobReport
    from rsrefseg.predict.look import Progress
    from rsrefseg.predict.types import Predictor

Extent = tuple[float, float, float, float]
Do = Callable[["Progress"], "JobReport"]
# What --dask means without an address.
THIS_MACHINE = "here"

# What each argument and option is, as typer reads it.
Image = Annotated[
    str, typer.Argument(help="A raster, a folder of them, a pattern such as 'tiles/*.tif', @LIST.")
]
Output = Annotated[Path, typer.Option("-o", "--output", help="What to write: .gpkg, or .parquet.")]
Phrases = Annotated[
    list[str] | None, typer.Argument(metavar="[PHRASE]...", help="What to look for.")
]
PhrasesFrom = Annotated[
    Path | None, typer.Option(help="A text file, or a layer or table with a phrase column.")
]
PhraseColumn = Annotated[str, typer.Option(help="The column's name.")]
LayerPerPhrase = Annotated[
    bool, typer.Option("--layer-per-phrase", help="A layer for each phrase, not one for all.")
]
Threshold = Annotated[float, typer.Option(help="Probability that a pixel must exceed.")]
PresenceThreshold = Annotated[
    float | None,
    typer.Option(help="Presence below which nothing matches; default: the model's own."),
]
MinArea = Annotated[float, typer.Option(help="Leave out smaller polygons.")]
Simplify = Annotated[
    float, typer.Option(help="Leave out detail of outlines up to about this size in metres.")
]
FillHoles = Annotated[float, typer.Option(help="Fill holes up to this area.")]
RightAngles = Annotated[
    bool, typer.Option("--right-angles", help="Straighten outlines, as of buildings.")
]
Smooth = Annotated[float, typer.Option(help="Round corners by this radius in metres.")]
Resolution = Annotated[float | None, typer.Option(help="Metres per pixel that the model sees.")]
Where = Annotated[
    Extent | None,
    typer.Option(metavar="XMIN YMIN XMAX YMAX", help="Only here, in the raster's CRS."),
]
Within = Annotated[
    Path | None, typer.Option(help="Only inside the polygons of this vector layer, in any CRS.")
]
Bands = Annotated[str, typer.Option(help="auto, false-colour, pan, or numbers such as 4,3,2.")]
Stretch = Annotated[str, typer.Option(help="auto, percentile, min-max, or limits such as 0:3000.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Weights = Annotated[Path | None, typer.Option(help="Weights file; default: the bundled model.")]
Dask = Annotated[
    str | None,
    typer.Option(
        metavar="[tcp://HOST:PORT]",
        help="Have a Dask cluster look at the windows; without an address, processes of this "
        "machine.",
    ),
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Processes for --dask without an address.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output.")]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with a job that was stopped or killed.")
]


def segment(
    image: Image,
    output: Output,
    phrases: Phrases = None,
    phrases_from: PhrasesFrom = None,
    phrase_column: PhraseColumn = "phrase",
    layer_per_phrase: LayerPerPhrase = False,
    threshold: Threshold = 0.5,
    presence_threshold: PresenceThreshold = None,
    min_area_m2: MinArea = 0.0,
    simplify_m: Simplify = 0.0,
    fill_holes_m2: FillHoles = 0.0,
    right_angles: RightAngles = False,
    smooth_m: Smooth = 0.0,
    resolution_m: Resolution = None,
    extent: Where = None,
    within: Within = None,
    bands: Bands = "auto",
    stretch: Stretch = "auto",
    device: Device = "auto",
    weights: Weights = None,
    dask: Dask = None,
    workers: Workers = None,
    overwrite: Overwrite = False,
    resume: Resume = False,
) -> None:
    """Find phrases on rasters and write the polygons to a GeoPackage or GeoParquet file.

    A job that was stopped or killed keeps what it has done beside the output; the same command
    with --resume goes on there.
    """
    from rsrefseg.batch.job import Job
    from rsrefseg.batch.sources import find_phrases, find_rasters
    from rsrefseg.predict.scene import SegmentRequest

    request = SegmentRequest(
        phrases=tuple(find_phrases(phrases or [], phrases_from, phrase_column)),
        threshold=threshold,
        presence_threshold=presence_threshold,
        min_area_m2=min_area_m2,
        simplify_m=simplify_m,
        fill_holes_m2=fill_holes_m2,
        right_angles=right_angles,
        smooth_m=smooth_m,
        ground_resolution_m=resolution_m,
        extent=extent,
        bands=bands,
        stretch=stretch,
    )
    sources = tuple(find_rasters([image]))
    job = Job(sources, request, output, layer_per_phrase, overwrite, resume, within)
    run(job, Place(device, weights, dask, workers))


def tidy_arguments(arguments: Sequence[str]) -> list[str]:
    """`--dask` with or without an address as an option that always has a value.

    Only what looks like an address counts as one, so that a phrase may follow.
    """
    tidy: list[str] = []
    for argument in arguments:
        if tidy and tidy[-1] == "--dask":
            is_address = "://" in argument
            tidy[-1] = f"--dask={argument if is_address else THIS_MACHINE}"
            if is_address:
                continue
        tidy.append(argument)
    if tidy and tidy[-1] == "--dask":
        tidy[-1] = f"--dask={THIS_MACHINE}"
    return tidy


@dataclass(frozen=True)
class Place:
    """Where the model runs.

    Attributes:
        device: auto, cpu, cuda or mps.
        weights: a weights file; the bundled one when None.
        dask: a scheduler's address, or `THIS_MACHINE`; in this process when None.
        workers: processes of this machine for Dask; a few when None.
    """

    device: str = "auto"
    weights: Path | None = None
    dask: str | None = None
    workers: int | None = None


def run(job: Job, place: Place) -> None:
    """Do a job with progress on the terminal.

    Args:
        job: what to do.
        place: where the model runs.
    """
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    check_early(job)
    columns = (BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeElapsedColumn())
    with _ready(job, place, console) as do:
        with Bar(
            *columns, TextColumn("{task.description}"), console=console, transient=True
        ) as bar:
            task = bar.add_task("Looking.", total=1.0)

            def progress(fraction: float, sentence: str) -> None:
                bar.update(task, completed=fraction, description=sentence)

            report = do(progress)
        _print(console, report, job.output)


@contextmanager
def _ready(job: Job, place: Place, console: Console) -> Iterator[Do]:
    """What does the job, its model loaded, here or on a cluster."""
    from rsrefseg.batch.job import precision_of, run_job

    begun = precision_of(job.output) if job.resume and place.device == "auto" else None
    device, precision = begun or (place.device, "auto")
    if place.dask is None:
        with console.status("Loading the model."):
            predictor = _load(place.weights, device, precision)
        yield lambda progress: run_job(job, predictor, progress)
        return
    from rsrefseg.batch.cluster import connected, run_job_on
    from rsrefseg.batch.worker import WeightsSource

    weights = None if place.weights is None else str(place.weights.resolve())
    source = WeightsSource(weights, device, precision)
    address = None if place.dask == THIS_MACHINE else place.dask
    with ExitStack() as stack:
        with console.status("Waiting for the workers."):
            client = stack.enter_context(connected(address, place.workers))
        yield lambda progress: run_job_on(client, job, source, progress)


def check_early(job: Job) -> None:
    """Meet the usual mistakes before the model is loaded."""
    from rsrefseg.geo.raster import open_raster, place_of
    from rsrefseg.geo.vector import check_output

    # What is there already may be this very job's, complete: the job finds out.
    replaces = job.overwrite or job.resume
    check_output(job.output, overwrite=replaces, layer_per_phrase=job.layer_per_phrase)
    for source in job.sources:
        with open_raster(place_of(source), read=job.request.read_options):
            pass


def _load(weights: Path | None, device: str, precision: str) -> Predictor:
    from rsrefseg.predict.segmenter import Segmenter
    from rsrefseg.weights.files import bundled_weights

    return Segmenter.from_file(weights or bundled_weights(), device=device, precision=precision)


def _print(console: Console, report: JobReport, output: Path) -> None:
    def say(text: str, style: str = "") -> None:
        console.print(text, highlight=False, markup=False, style=style, soft_wrap=True)

    if report.already_done:
        say(f"{output} is complete already.")
        return
    for sentence in report.warnings:
        say(f"Note: {sentence}", "yellow")
    for phrase, total in report.phrases.items():
        count = total.polygons
        found = f"{count} polygon{'' if count == 1 else 's'}" if count else "nothing matches"
        presence = "" if total.presence is None else f", presence {total.presence:.2f}"
        say(f"{phrase}: {found} (score {total.score:.2f}{presence})")
    before = report.windows - report.looked
    kept = f", {before} of {report.windows} windows were done before" if before else ""
    say(f"Wrote {output} in {report.timings.total_s:.1f} s{kept}.")
