"""`rsrefseg scenes`: procedural overhead scenes with referring phrases and masks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def scenes(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder to write.")],
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first scene.")] = 0,
    count: Annotated[int, typer.Option(min=1, help="How many scenes.")] = 16,
    size: Annotated[int, typer.Option(min=32, max=4096, help="Side in pixels.")] = 256,
    phrases: Annotated[int, typer.Option(min=1, help="Phrases per scene.")] = 16,
    demo: Annotated[
        bool, typer.Option("--demo", help="Write the one scene of the demonstration instead.")
    ] = False,
) -> None:
    """Generate georeferenced overhead scenes with phrases and exact masks.

    The same seed always gives the same scene. The folder gets images/, masks/ and cases.jsonl,
    which `rsrefseg evaluate` and `rsrefseg train` read.
    """
    from rich.console import Console
    from rich.progress import Progress

    from rsrefseg.data.generated import write_demo, write_scenes

    if demo:
        typer.echo(f"Wrote {write_demo(out)}.")
        return
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("Rendering", total=count)
        cases = write_scenes(
            out, seed, count, size, phrases, lambda done: progress.update(task, completed=done)
        )
    typer.echo(f"Wrote {count} scenes with {cases} phrases to {out / 'cases.jsonl'}.")
