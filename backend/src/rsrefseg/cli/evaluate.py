"""`rsrefseg evaluate`: the field's metrics over a cases file, and a picture report."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer


def evaluate(
    data: Annotated[Path, typer.Option("--data", help="A cases.jsonl file.")],
    model: Annotated[
        Path | None, typer.Option("--model", help="Weights file; default: the bundled model.")
    ] = None,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write the figures here.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write a picture report (HTML) here.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    threshold: Annotated[float, typer.Option(help="Probability that makes a pixel count.")] = 0.5,
) -> None:
    """Measure a model on labelled phrases: gIoU, cIoU, Pr@X, N-acc, by kind and by source.

    An image more than twice as wide as the model's tile is looked at in windows, as a scene
    is, but for phrases that compare everything in view ("the largest building").
    """
    from rich.console import Console
    from rich.progress import Progress

    from rsrefseg.data.cases import read_cases
    from rsrefseg.evaluation.report import write_report
    from rsrefseg.evaluation.run import evaluate_cases, report_figures
    from rsrefseg.predict.closer import answer_image
    from rsrefseg.predict.segmenter import Segmenter
    from rsrefseg.weights.files import bundled_weights

    records = read_cases(data)
    weights = model or bundled_weights()
    segmenter = Segmenter.from_file(weights, device=device)
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("Asking", total=len(records))
        outcomes = list(
            evaluate_cases(
                records,
                partial(answer_image, segmenter),
                threshold=threshold,
                presence_threshold=segmenter.info.presence_threshold,
                progress=lambda done: progress.update(task, completed=done),
            )
        )
    figures: dict[str, Any] = {
        "model": weights.name,
        "data": str(data),
        "threshold": threshold,
        "presence_threshold": segmenter.info.presence_threshold,
        **report_figures([o.score for o in outcomes]),
    }
    if json_out is not None:
        json_out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if report is not None:
        write_report(report, figures, outcomes)
    _print(figures)


def _print(figures: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    columns = ("n", "gIoU", "cIoU", "Pr@0.5", "N-acc", "answered", "blind_gIoU")
    table = Table("", *columns)
    rows = {"all": figures, **figures["by_kind"], **figures["by_source"]}
    for name, row in rows.items():
        cells = (row.get(c) for c in columns)
        table.add_row(
            name,
            *("-" if c is None else str(c) if isinstance(c, int) else f"{c:.3f}" for c in cells),
        )
    Console().print(table)
