"""`rsrefseg serve`: the engine as a service for QGIS and other clients."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port; 0 for any free one.", min=0, max=65535)]
Weights = Annotated[Path | None, typer.Option(help="Weights file; default: the bundled model.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Precision = Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16.")]
IgnoreStdin = Annotated[bool, typer.Option("--ignore-stdin", help="Go on when stdin closes.")]
CacheSize = Annotated[
    int | None, typer.Option(help="Memory for encoded images; default: an eighth of it.", min=0)
]
DiskCacheSize = Annotated[
    int,
    typer.Option(
        help="Disk for encoded images, in the folder RSREFSEG_CACHE_DIR; 0: none.",
        min=0,
        envvar="RSREFSEG_DISK_CACHE_MB",
    ),
]
TimeLimit = Annotated[float, typer.Option(help="The longest that a request may take.", min=1)]
TlsCert = Annotated[Path | None, typer.Option(help="Certificate chain (PEM): serve HTTPS.")]
TlsKey = Annotated[Path | None, typer.Option(help="The certificate's key (PEM).")]
Insecure = Annotated[bool, typer.Option("--insecure", help="Serve other machines without TLS.")]
AllowedHosts = Annotated[
    list[str] | None, typer.Option(help="A further name that clients may call this engine by.")
]
AllowedPaths = Annotated[
    list[Path] | None,
    typer.Option(
        help="A folder whose rasters may be read in place; default: on this machine's own "
        "address all files, on others none."
    ),
]


def serve(
    host: Host = "127.0.0.1",
    port: Port = 0,
    weights: Weights = None,
    device: Device = "auto",
    precision: Precision = "auto",
    ignore_stdin: IgnoreStdin = False,
    cache_mb: CacheSize = None,
    disk_cache_mb: DiskCacheSize = 1024,
    time_limit_s: TimeLimit = 3600.0,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    insecure: Insecure = False,
    allow_host: AllowedHosts = None,
    allow_path: AllowedPaths = None,
) -> None:
    """Answer clients over HTTP until stdin closes.

    Prints one line of JSON when it listens. The token that clients must send is taken from the
    environment variable RSREFSEG_TOKEN, or made up and printed in that line.
    """
    from rsrefseg.server.binding import Access
    from rsrefseg.server.images import Limits
    from rsrefseg.server.run import ModelChoice
    from rsrefseg.server.run import serve as run

    access = Access(host, port, tls_cert, tls_key, insecure, tuple(allow_host or ()))
    roots = None if access.is_local and not allow_path else tuple(allow_path or ())
    model = ModelChoice(
        weights,
        device,
        precision,
        None if cache_mb is None else cache_mb * 1_000_000,
        disk_cache_mb * 1_000_000,
    )
    limits = Limits(
        request_s=time_limit_s,
        roots=None if roots is None else tuple(root.resolve() for root in roots),
    )
    run(access, model, limits, ignore_stdin=ignore_stdin)
