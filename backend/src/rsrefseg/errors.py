"""One tree of errors; every message is a sentence for the user that names the remedy.

RsRefSegError
├── InputError            the caller's input is at fault
│   ├── RasterError       a raster that cannot be opened, read or understood
│   ├── PhraseError       an empty, overlong or unusable phrase
│   ├── ExtentError       an extent that misses the raster or is malformed
│   ├── OutputError       a result that cannot be written where it was asked for
│   └── DataError         a dataset or cases file that cannot be used
├── WeightsError          a checkpoint or weights file that cannot be used
├── ConfigError           a preset or training configuration that cannot be built
├── DownloadError         a download that failed or did not verify
├── DeviceError           the asked-for device or precision is not there
├── ClusterError         a cluster that does not answer, or whose workers differ or die
├── OutOfMemoryError      the device ran out of memory and no fallback was left
└── CancelledError        the caller asked to stop
"""

from __future__ import annotations


class RsRefSegError(Exception):
    """Base of all errors that the engine raises on purpose.

    Attributes:
        code: a stable, machine-readable name (snake case) that goes over the wire.
        http_status: the status that the service answers with.
    """

    code = "engine_error"
    http_status = 500


class InputError(RsRefSegError):
    """The caller's input is at fault."""

    code = "bad_input"
    http_status = 422


class RasterError(InputError):
    """A raster cannot be opened, read or understood."""

    code = "bad_raster"


class PhraseError(InputError):
    """A phrase is empty, too long or unusable."""

    code = "bad_phrase"


class ExtentError(InputError):
    """An extent is malformed or does not touch the raster."""

    code = "bad_extent"


class OutputError(InputError):
    """A result cannot be written where it was asked for."""

    code = "bad_output"


class DataError(InputError):
    """A dataset or cases file cannot be used."""

    code = "bad_data"


class WeightsError(RsRefSegError):
    """A checkpoint or weights file cannot be used."""

    code = "bad_weights"
    http_status = 422


class ConfigError(RsRefSegError):
    """A preset or training configuration cannot be built."""

    code = "bad_config"
    http_status = 422


class DownloadError(RsRefSegError):
    """A download failed or did not verify."""

    code = "download_failed"
    http_status = 502


class DeviceError(RsRefSegError):
    """The asked-for device or precision is not available."""

    code = "no_device"
    http_status = 422


class ClusterError(RsRefSegError):
    """A cluster does not answer, or its workers differ or die."""

    code = "cluster_failed"
    http_status = 503


class OutOfMemoryError(RsRefSegError):
    """The device ran out of memory and no fallback was left."""

    code = "out_of_memory"
    http_status = 507


class CancelledError(RsRefSegError):
    """The caller asked to stop."""

    code = "cancelled"
    http_status = 499
