"""`rsrefseg segment`: phrases on rasters, polygons into a GeoPackage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from rsrefseg.batch.job import Job, JobReport
    from rsrefseg.predict.types import Predictor

Extent = tuple[float, float, float, float]

# What each argument and option is, as typer reads it.
Image = Annotated[
    str, typer.Argument(help="A raster, a folder of them, a pattern such as 'tiles/*.tif', @LIST.")
]
Output = Annotated[Path, typer.Option("-o", "--output", help="GeoPackage to write.")]
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
Bands = Annotated[str, typer.Option(help="auto, false-colour, pan, or numbers such as 4,3,2.")]
Stretch = Annotated[str, typer.Option(help="auto, percentile, min-max, or limits such as 0:3000.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Weights = Annotated[Path | None, typer.Option(help="Weights file; default: the bundled model.")]
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
    bands: Bands = "auto",
    stretch: Stretch = "auto",
    device: Device = "auto",
    weights: Weights = None,
    overwrite: Overwrite = False,
    resume: Resume = False,
) -> None:
    """Find phrases on rasters and write the polygons to a GeoPackage.

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
    run(Job(sources, request, output, layer_per_phrase, overwrite, resume), device, weights)


def run(job: Job, device: str, weights: Path | None) -> None:
    """Do a job with progress on the terminal.

    Args:
        job: what to do.
        device: auto, cpu, cuda or mps.
        weights: a weights file; the bundled one when None.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from rsrefseg.batch.job import run_job

    console = Console(stderr=True)
    check_early(job)
    with console.status("Loading the model."):
        predictor = _load(job, device, weights)
    columns = (BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeElapsedColumn())
    with Progress(
        *columns, TextColumn("{task.description}"), console=console, transient=True
    ) as bar:
        task = bar.add_task("Looking.", total=1.0)

        def progress(fraction: float, sentence: str) -> None:
            bar.update(task, completed=fraction, description=sentence)

        report = run_job(job, predictor, progress)
    _print(console, report, job.output)


def check_early(job: Job) -> None:
    """Meet the usual mistakes before the model is loaded."""
    from rsrefseg.geo.raster import open_raster
    from rsrefseg.geo.vector import check_output

    # What is there already may be this very job's, complete: the job finds out.
    check_output(job.output, overwrite=job.overwrite or job.resume)
    for source in job.sources:
        place = source if source.startswith("/vsi") else Path(source)
        with open_raster(place, read=job.request.read_options):
            pass


def _load(job: Job, device: str, weights: Path | None) -> Predictor:
    from rsrefseg.batch.job import precision_of
    from rsrefseg.predict.segmenter import Segmenter
    from rsrefseg.weights.files import bundled_weights

    begun = precision_of(job.output) if job.resume and device == "auto" else None
    device, precision = begun or (device, "auto")
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
