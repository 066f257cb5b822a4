"""`rsrefseg segment`: phrases on a raster, polygons into a GeoPackage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from rsrefseg.predict.scene import SegmentRequest, SegmentResult
    from rsrefseg.predict.types import ModelInfo, Predictor

Extent = tuple[float, float, float, float]


def segment(
    image: Annotated[Path, typer.Argument(help="A raster file.")],
    phrases: Annotated[list[str], typer.Argument(metavar="PHRASE...", help="What to look for.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="GeoPackage to write.")],
    threshold: Annotated[float, typer.Option(help="Probability that a pixel must exceed.")] = 0.5,
    presence_threshold: Annotated[
        float | None,
        typer.Option(help="Presence below which nothing matches; default: the model's own."),
    ] = None,
    min_area_m2: Annotated[float, typer.Option(help="Leave out smaller polygons.")] = 0.0,
    simplify_m: Annotated[float, typer.Option(help="Simplify by this tolerance in metres.")] = 0.0,
    resolution_m: Annotated[
        float | None, typer.Option(help="Metres per pixel that the model sees.")
    ] = None,
    extent: Annotated[
        Extent | None,
        typer.Option(metavar="XMIN YMIN XMAX YMAX", help="Only here, in the raster's CRS."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    weights: Annotated[
        Path | None, typer.Option(help="Weights file; default: the bundled model.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
) -> None:
    """Find phrases on a raster and write the polygons to a GeoPackage."""
    from rich.console import Console

    from rsrefseg.geo.raster import open_raster
    from rsrefseg.geo.vector import check_output
    from rsrefseg.predict.scene import SegmentRequest

    console = Console(stderr=True)
    check_output(output, overwrite=overwrite)
    # What GDAL reads without a plain file, such as /vsis3/, is named by a text.
    source = str(image) if str(image).startswith("/vsi") else image
    with open_raster(source):
        pass
    request = SegmentRequest(
        phrases=tuple(phrases),
        threshold=threshold,
        presence_threshold=presence_threshold,
        min_area_m2=min_area_m2,
        simplify_m=simplify_m,
        ground_resolution_m=resolution_m,
        extent=extent,
    )
    with console.status("Loading the model."):
        from rsrefseg.predict.segmenter import Segmenter
        from rsrefseg.weights.files import bundled_weights

        predictor = Segmenter.from_file(weights or bundled_weights(), device=device)
    result = _run(console, predictor, source, request)
    _write(output, result, predictor.info, image, overwrite=overwrite)
    _report(console, result, output)


def _run(
    console: Console, predictor: Predictor, source: str | Path, request: SegmentRequest
) -> SegmentResult:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from rsrefseg.predict.scene import segment_raster

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Looking.", total=1.0)

        def progress(fraction: float, message: str) -> None:
            bar.update(task, completed=fraction, description=message)

        return segment_raster(predictor, source, request, progress)


def _write(
    output: Path, result: SegmentResult, model: ModelInfo, image: Path, *, overwrite: bool
) -> None:
    from datetime import datetime, timezone

    from rsrefseg import __version__
    from rsrefseg.geo.vector import Provenance, write_geopackage

    provenance = Provenance(
        model=model.name,
        model_hash=model.sha256,
        source=str(image),
        engine_version=__version__,
        created=datetime.now(timezone.utc),
    )
    layers = [(phrase.phrase, phrase.features) for phrase in result.results]
    write_geopackage(output, layers, result.crs, provenance, overwrite=overwrite)


def _report(console: Console, result: SegmentResult, output: Path) -> None:
    for sentence in result.warnings:
        console.print(f"Note: {sentence}", highlight=False, markup=False, style="yellow")
    for phrase in result.results:
        count = len(phrase.features)
        found = f"{count} polygon{'' if count == 1 else 's'}" if count else "nothing matches"
        presence = "" if phrase.presence is None else f", presence {phrase.presence:.2f}"
        line = f"{phrase.phrase}: {found} (score {phrase.score:.2f}{presence})"
        console.print(line, highlight=False, markup=False)
    seconds = result.timings.total_s
    console.print(f"Wrote {output} in {seconds:.1f} s.", highlight=False, markup=False)
