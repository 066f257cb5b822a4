"""`rsrefseg models`: list, import, verify and download models."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rsrefseg.errors import ConfigError

if TYPE_CHECKING:
    from rsrefseg.models.config import Preset
    from rsrefseg.weights.registry import KnownModel
    from rsrefseg.weights.verify import StageError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="List, import, verify and download models.",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Registry = Annotated[
    Path | None, typer.Option(help="A registry of your own instead of the built-in one.")
]


@app.command("list")
def list_models(as_json: AsJson = False, registry: Registry = None) -> None:
    """List the presets that can be built and the weights that are published for them."""
    from rsrefseg.models.config import list_presets, load_preset
    from rsrefseg.weights.registry import REGISTRY, read_registry

    presets = [_preset_row(load_preset(name)) for name in list_presets()]
    weights = [_weights_row(model) for model in read_registry(registry or REGISTRY).values()]
    if as_json:
        typer.echo(json.dumps({"presets": presets, "weights": weights}, indent=2))
        return
    _print_table(
        "Presets: what can be built",
        ["preset", "parameters", "fp32", "half", "tile", "licence", "source"],
        [_preset_cells(load_preset(name)) for name in list_presets()],
    )
    _print_table(
        "Weights: rsrefseg models download NAME",
        ["name", "preset", "trained on", "licence", "SHA-256", "source"],
        [
            [w["name"], w["preset"], w["trained_on"], w["licence"], w["sha256"], w["source"]]
            for w in weights
        ],
    )


def _preset_cells(preset: Preset) -> list[str]:
    row = _preset_row(preset)
    return [
        preset.name,
        f"{preset.parameters / 1e6:,.1f} M",
        f"{row['memory_fp32_mb']:,} MB",
        f"{row['memory_half_mb']:,} MB",
        f"{preset.tile_px} px",
        preset.licence,
        preset.source,
    ]


def _preset_row(preset: Preset) -> dict[str, str | int]:
    return {
        "preset": preset.name,
        "parameters": preset.parameters,
        "memory_fp32_mb": round(preset.parameters * 4 / 1e6),
        "memory_half_mb": round(preset.parameters * 2 / 1e6),
        "tile_px": preset.tile_px,
        "licence": preset.licence,
        "source": preset.source,
        "description": preset.description,
    }


def _weights_row(model: KnownModel) -> dict[str, str]:
    published = all(f.sha256 for f in model.files)
    return {
        "name": model.name,
        "preset": model.preset,
        "trained_on": model.trained_on,
        "licence": model.licence,
        "citation": model.citation,
        "sha256": "published" if published else "recorded at first download",
        "source": model.files[0].url,
    }


@app.command("import")
def import_model(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint in the released layout (.pth).")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The .safetensors file to write.")],
    preset: Annotated[str | None, typer.Option(help="Preset that it was trained with.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="Its configuration as JSON, in place of a preset.")
    ] = None,
    dtype: Annotated[
        Literal["fp16", "bf16", "fp32"], typer.Option(help="Precision to store.")
    ] = "fp16",
    tokenizer: Annotated[
        Path | None, typer.Option(help="The text tower's tokenizer.json or tokenizer.model.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What to call the model.")] = None,
) -> None:
    """Bring in a released checkpoint: merge LoRA, map every name, write one file."""
    from rsrefseg.weights.importing import import_checkpoint

    chosen = _preset(preset, config)
    written = import_checkpoint(checkpoint, chosen, out, dtype, tokenizer, name)
    typer.echo(f"{written.path}: {written.name}, {written.preset_name}, sha256 {written.sha256}")
    if tokenizer is None and chosen.clip.tokenizer == "file":
        typer.echo(
            "It needs SigLIP 2's tokenizer.json beside it to understand phrases "
            "(or import it with --tokenizer)."
        )


def _preset(preset: str | None, config: Path | None) -> Preset:
    from rsrefseg.models.config import list_presets, load_preset

    if preset is not None and config is not None:
        raise ConfigError("Give --preset or --config, not both.")
    if config is not None:
        return load_preset(config)
    name = preset or "rsrefseg2-l"
    if name not in list_presets():
        raise ConfigError(f"No preset '{name}'; presets are: {', '.join(list_presets())}.")
    return load_preset(name)


@app.command()
def verify(
    checkpoint: Annotated[Path, typer.Option(help="Checkpoint in the released layout (.pth).")],
    expected: Annotated[Path, typer.Option(help="What the reference gives (.safetensors).")],
    config: Annotated[Path | None, typer.Option(help="Its configuration as JSON.")] = None,
    preset: Annotated[str | None, typer.Option(help="Or the preset that it fits.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare every stage with the reference; exit 1 where one is off by more than 1e-4."""
    from rsrefseg.weights.verify import TOLERANCE
    from rsrefseg.weights.verify import verify as compare

    stages = compare(checkpoint, _preset(preset, config), expected)
    passed = all(stage.passed for stage in stages)
    if as_json:
        typer.echo(json.dumps(_as_json(stages, TOLERANCE, passed), indent=2))
    else:
        _print_table(
            f"Largest error relative to the largest magnitude (limit {TOLERANCE:g})",
            ["stage", "shape", "error", ""],
            [
                [s.stage, " x ".join(map(str, s.shape)), f"{s.error:.1e}", _verdict(s)]
                for s in stages
            ],
        )
    if not passed:
        raise typer.Exit(1)


def _verdict(stage: StageError) -> str:
    return "ok" if stage.passed else "TOO FAR"


def _as_json(stages: list[StageError], tolerance: float, passed: bool) -> dict[str, object]:
    rows = [
        {"stage": s.stage, "shape": list(s.shape), "error": s.error, "passed": s.passed}
        for s in stages
    ]
    return {"tolerance": tolerance, "passed": passed, "stages": rows}


@app.command()
def download(
    name: Annotated[str, typer.Argument(help="As `rsrefseg models list` names it.")],
    to: Annotated[Path | None, typer.Option(help="Folder to put it in.")] = None,
    mirror: Annotated[
        str | None,
        typer.Option(help="A folder that holds the files, or an https://host to ask instead."),
    ] = None,
    registry: Registry = None,
) -> None:
    """Download published weights; run it again to resume one that was cut."""
    from rsrefseg.weights.download import fetch
    from rsrefseg.weights.registry import REGISTRY, find_model, weights_dir

    model = find_model(name, registry or REGISTRY)
    folder = to or weights_dir() / model.name
    for file in model.files:
        with _progress(file.name) as report:
            fetched = fetch(file, folder, mirror=mirror, progress=report)
        typer.echo(f"{fetched.path}\n  sha256 {fetched.sha256} ({_TRUST[fetched.trust]})")
    _say_next(model, folder)


_TRUST = {
    "published": "as published",
    "recorded": "as recorded at the first download",
    "first use": "none is published: recorded now, checked from now on",
}


def _say_next(model: KnownModel, folder: Path) -> None:
    checkpoint = model.file("checkpoint")
    if model.layout != "released" or checkpoint is None:
        return
    parts = [
        f"rsrefseg models import {folder / checkpoint.name}",
        f"--preset {model.preset}",
        f"-o {folder / model.name}.safetensors",
    ]
    tokenizer = model.file("tokenizer")
    if tokenizer is not None:
        parts.append(f"--tokenizer {folder / tokenizer.name}")
    typer.echo(f"Now bring it in:\n  {' '.join(parts)}\nLicence: {model.licence}. {model.citation}")


@contextmanager
def _progress(name: str) -> Iterator[Callable[[int, int | None], None]]:
    """A progress bar on stderr; gives the callback that moves it."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn(name), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(name, total=None)

        def report(done: int, total: int | None) -> None:
            progress.update(task, completed=done, total=total)

        yield report


def _print_table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for i, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=i == 0)
    for row in rows:
        table.add_row(*row)
    console.print(table)
