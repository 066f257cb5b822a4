"""`rsrefseg serve`: the engine as a service for QGIS and other clients on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def serve(
    host: Annotated[str, typer.Option(help="Loopback address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 for any free one.", min=0, max=65535)] = 0,
    weights: Annotated[
        Path | None, typer.Option(help="Weights file; default: the bundled model.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16.")] = "auto",
    ignore_stdin: Annotated[
        bool, typer.Option("--ignore-stdin", help="Go on when stdin closes.")
    ] = False,
) -> None:
    """Answer clients over HTTP until stdin closes.

    Prints one line of JSON when it listens. The token that clients must send is taken from the
    environment variable RSREFSEG_TOKEN, or made up and printed in that line.
    """
    from rsrefseg.server.run import serve as run

    run(
        host=host,
        port=port,
        weights=weights,
        device=device,
        precision=precision,
        ignore_stdin=ignore_stdin,
    )
