"""Turns the end of an installer's output into one sentence with a remedy."""

from __future__ import annotations

import re

from rsrefseg_qgis.errors import InstallError, tr

# The first that matches wins: pip ends with "No matching distribution" also when the network
# is down, so what broke first stands first.
_CAUSES = (
    ("disk_full", r"No space left on device|Errno 28|not enough space|disk quota exceeded"),
    ("proxy", r"ProxyError|Tunnel connection failed|Proxy Authentication|Cannot connect to proxy"),
    ("certificate", r"CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerificationError"),
    (
        "no_network",
        r"name resolution|getaddrinfo failed|Network is unreachable|NameResolutionError|"
        r"NewConnectionError|ConnectTimeoutError|Read timed out|ConnectionResetError|"
        r"IncompleteRead|ReadTimeoutError|No route to host|Connection aborted",
    ),
    ("corrupt", r"DO NOT MATCH THE HASHES|hash mismatch|BadZipFile|is not a zip file"),
    ("no_permission", r"Permission denied|Errno 13|WinError 5\b|Access is denied|Read-only file"),
    ("long_path", r"WinError 206|path too long|File name too long|enable.{0,20}long path"),
    ("no_wheel", r"No matching distribution|ResolutionImpossible|not a supported wheel"),
)


def classify(output: str, folder: str) -> InstallError:
    """The error for an installation step that failed.

    Args:
        output: what the step printed, its end at least.
        folder: the folder that is installed into, for the sentence.
    """
    reason = next(
        (name for name, pattern in _CAUSES if re.search(pattern, output, re.IGNORECASE)), "broken"
    )
    return InstallError(_sentence(reason, output, folder), reason=reason, detail=output[-4000:])


def _sentence(reason: str, output: str, folder: str) -> str:
    sentences = {
        "disk_full": tr(
            "The disk is full; free about 4 GB, or choose another folder for the engine in the "
            "plugin's settings, and install again: {folder}"
        ),
        "proxy": tr(
            "The proxy refused the download; set it for pip (pip config set global.proxy "
            "http://user:password@host:port) and install again."
        ),
        "certificate": tr(
            "The package index could not be trusted, often because a proxy replaces "
            "certificates; give pip the proxy's certificate (pip config set global.cert FILE) "
            "and install again."
        ),
        "no_network": tr(
            "The package index could not be reached; check the network and install again (what "
            "was downloaded is kept), or choose a folder of wheels in the plugin's settings."
        ),
        "corrupt": tr("A download was damaged on its way; install again."),
        "no_permission": tr(
            "The engine's folder cannot be written; close other QGIS windows, or choose another "
            "folder in the plugin's settings: {folder}"
        ),
        "long_path": tr(
            "The engine's folder has too long a name; choose a short one, such as C:\\rsrefseg, "
            "in the plugin's settings: {folder}"
        ),
        "no_wheel": tr(
            "A package is not to be had for this system ({why}); choose another Python (3.11 "
            "is best) or another folder of wheels in the plugin's settings."
        ),
        "broken": tr(
            "The installation failed ({why}); install again with “Repair”, or see its log in "
            "{folder}"
        ),
    }
    return sentences[reason].format(folder=folder, why=last_error(output))


def last_error(output: str) -> str:
    """The last line that pip marks as an error, else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error:")]
    chosen = (errors or lines or [tr("no message")])[-1]
    return re.sub(r"^error:\s*", "", chosen, flags=re.IGNORECASE)[:300].rstrip(".")
