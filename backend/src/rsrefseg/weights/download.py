"""Downloads a file so that what stands under its final name is whole and verified.

Bytes go to `.NAME.part`, which a later run resumes. Only a complete file with the right hash is
renamed. Proxies come from the environment, as everywhere in Python (`HTTPS_PROXY`, `NO_PROXY`).
"""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from rsrefseg._version import __version__
from rsrefseg.errors import DownloadError, WeightsError
from rsrefseg.weights.files import file_sha256
from rsrefseg.weights.registry import RemoteFile

Progress = Callable[[int, int | None], None]
Trust = Literal["published", "recorded", "first use"]
_CHUNK = 1 << 20
_FINAL = {401: "asks for a login", 403: "refuses it", 404: "has no such file", 410: "removed it"}


@dataclass(frozen=True)
class Fetched:
    """A verified file.

    Attributes:
        path: where it lies.
        sha256: its hash.
        trust: what the hash was compared with: the published one, the one recorded at an earlier
            download, or nothing yet (`first use`: it is recorded now).
    """

    path: Path
    sha256: str
    trust: Trust


@dataclass(frozen=True)
class Patience:
    """How long to try.

    Attributes:
        attempts: connections to open without any new byte between them.
        wait_s: pause before the second attempt; doubles from then on.
        timeout_s: longest silence of a connection.
    """

    attempts: int = 5
    wait_s: float = 1.0
    timeout_s: float = 60.0


class _CutError(Exception):
    """The connection failed in a way that another attempt may mend."""


def fetch(
    file: RemoteFile,
    folder: Path,
    *,
    mirror: str | None = None,
    progress: Progress | None = None,
    patience: Patience | None = None,
) -> Fetched:
    """Gets a file, resuming an earlier attempt, and verifies it.

    Args:
        file: what to get.
        folder: where to put it.
        mirror: a folder that holds files of these names, or an `https://host` to ask instead of
            the published one.
        progress: called with the bytes there are and the bytes there will be.
        patience: how long to try.

    Raises:
        DownloadError: it cannot be got or is not what was published; nothing is left under the
            final name, and what can be resumed is kept.
    """
    target = folder / file.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _only_one(target):
            known = file.sha256 or _recorded(folder).get(file.name)
            if target.is_file() and known == file_sha256(target):
                return _finish(file, target, known)
            part = _Part(target)
            if mirror is not None and "://" not in mirror:
                _copy(Path(mirror), file, part)
            else:
                _download(_address(file, mirror), file, part, progress, patience or Patience())
            _check(file, part, known)
            part.path.replace(target)
            part.forget()
            return _finish(file, target, known)
    except OSError as error:
        raise DownloadError(
            f"'{target}' cannot be written ({error.strerror or error}): free some space or choose "
            "another folder."
        ) from error


class _Part:
    """The unfinished file and a note on what it is the beginning of."""

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(f".{target.name}.part")
        self._note = target.with_name(f".{target.name}.part.json")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def version(self, url: str) -> str | None:
        """The version (ETag, maybe empty) of `url` that the bytes belong to; None if of another."""
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        etag = note.get("etag") if isinstance(note, dict) and note.get("url") == url else None
        return etag if isinstance(etag, str) else None

    def start(self, url: str, etag: str) -> None:
        self.path.write_bytes(b"")
        self._note.write_text(json.dumps({"url": url, "etag": etag}), encoding="utf-8")

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


@contextmanager
def _only_one(target: Path) -> Iterator[None]:
    """Keeps two processes from writing the same part."""
    lock = target.with_name(f".{target.name}.lock")
    try:
        handle = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        if _alive(lock):
            raise DownloadError(
                f"Another process is downloading '{target.name}': wait for it, or remove '{lock}'."
            ) from None
        handle = os.open(lock, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    try:
        os.write(handle, str(os.getpid()).encode())
        os.close(handle)
        yield
    finally:
        lock.unlink(missing_ok=True)


def _alive(lock: Path) -> bool:
    import psutil

    try:
        return bool(psutil.pid_exists(int(lock.read_text(encoding="utf-8"))))
    except (OSError, ValueError):
        return False


def _address(file: RemoteFile, mirror: str | None) -> str:
    if mirror is None:
        return file.url
    host = urlsplit(mirror)
    if host.scheme not in ("http", "https") or not host.netloc:
        raise DownloadError(f"The mirror '{mirror}' is neither a folder nor an http(s) address.")
    path = host.path.rstrip("/") + urlsplit(file.url).path
    return urlunsplit((host.scheme, host.netloc, path, "", ""))


def _copy(mirror: Path, file: RemoteFile, part: _Part) -> None:
    source = mirror / file.name
    if not source.is_file():
        raise DownloadError(f"The mirror '{mirror}' has no '{file.name}': put it there.")
    part.forget()
    with source.open("rb") as reader, part.path.open("wb") as writer:
        while block := reader.read(_CHUNK):
            writer.write(block)


def _download(
    url: str, file: RemoteFile, part: _Part, progress: Progress | None, patience: Patience
) -> None:
    """Attempts until the part is complete; an attempt that brought bytes does not count."""
    failed = 0
    while True:
        before = part.size
        try:
            _attempt(url, file, part, progress, patience.timeout_s)
            return
        except _CutError as cut:
            failed = 1 if part.size > before else failed + 1
            if failed >= patience.attempts:
                raise DownloadError(
                    f"The download of '{file.name}' was cut ({cut}): check the connection and "
                    "HTTPS_PROXY, then run the same command again to resume it; or name a folder "
                    "with --mirror."
                ) from cut
        time.sleep(patience.wait_s * 2 ** (failed - 1))


def _attempt(
    url: str, file: RemoteFile, part: _Part, progress: Progress | None, timeout_s: float
) -> None:
    etag = part.version(url)
    strong = bool(etag) and not str(etag).startswith("W/")
    # Bytes of two versions must never be joined unseen.
    resumes = etag is not None and (strong or file.sha256 is not None)
    offset = part.size if resumes else 0
    headers = {"User-Agent": f"rsrefseg/{__version__}", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    if offset and strong:
        headers["If-Range"] = str(etag)
    request = urllib.request.Request(url, headers=headers)
    try:
        # A fresh opener reads the proxies of now; the shared one keeps those of its first use.
        with urllib.request.build_opener().open(request, timeout=timeout_s) as response:
            _receive(response, url, file, part, offset, progress)
    except urllib.error.HTTPError as error:
        _judge_status(error, file, part)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as e:
        raise _CutError(str(getattr(e, "reason", None) or e) or type(e).__name__) from e


def _judge_status(error: urllib.error.HTTPError, file: RemoteFile, part: _Part) -> None:
    if error.code == 416:  # the part is no beginning of what is there now
        part.forget()
        raise _CutError("the server refused to resume") from error
    if error.code in _FINAL or (400 <= error.code < 500 and error.code not in (408, 425, 429)):
        what = _FINAL.get(error.code, f"answers {error.code}")
        raise DownloadError(
            f"'{file.name}' is not to be had: the server {what} ({error.url}); check the name, or "
            "name a folder that holds it with --mirror."
        ) from error
    raise _CutError(f"the server answers {error.code}") from error


def _receive(
    response: http.client.HTTPResponse,
    url: str,
    file: RemoteFile,
    part: _Part,
    offset: int,
    progress: Progress | None,
) -> None:
    """Appends a response to the part, or starts it over where the server does not resume."""
    if response.status == 206:
        start, total = _content_range(response.headers.get("Content-Range", ""))
        if start != offset:
            part.forget()
            raise _CutError("the server resumed elsewhere")
    else:
        length = response.headers.get("Content-Length")
        start, total = 0, int(length) if length and length.isdigit() else None
    if total is None and file.size is None and file.sha256 is None:
        raise DownloadError(
            f"The server does not say how long '{file.name}' is, so that a cut could not be told: "
            "name a folder that holds it with --mirror."
        )
    if file.size is not None and total is not None and total != file.size:
        part.forget()
        raise DownloadError(
            f"'{file.name}' has {total} bytes where {file.size} were published: the server has "
            "another file; try again later."
        )
    if start == 0:
        part.start(url, response.headers.get("ETag") or "")
    end = total if total is not None else file.size
    with part.path.open("ab") as writer:
        while block := response.read(_CHUNK):
            writer.write(block)
            if progress is not None:
                progress(writer.tell(), end)
    if end is not None and part.size < end:
        raise _CutError(f"{part.size} of {end} bytes came")


def _content_range(value: str) -> tuple[int | None, int | None]:
    """`bytes 5-9/10` -> (5, 10)."""
    unit, _, rest = value.partition(" ")
    span, _, total = rest.partition("/")
    start = span.partition("-")[0]
    if unit != "bytes" or not start.isdigit():
        return None, None
    return int(start), int(total) if total.isdigit() else None


def _check(file: RemoteFile, part: _Part, known: str | None) -> None:
    if file.size is not None and part.size != file.size:
        found = part.size
        part.forget()
        raise DownloadError(
            f"'{file.name}' came with {found} bytes where {file.size} were published: run the "
            "command again."
        )
    if known is not None and file_sha256(part.path) != known:
        part.forget()
        source = "published" if file.sha256 else "recorded at the first download"
        raise DownloadError(
            f"'{file.name}' is not the file whose SHA-256 was {source}: it is thrown away; run "
            "the command again, and do not use it if that repeats."
        )


def _finish(file: RemoteFile, target: Path, known: str | None) -> Fetched:
    digest = known or file_sha256(target)
    if known is None:
        record = {**_recorded(target.parent), file.name: digest}
        partial = target.with_name(".hashes.json.part")
        partial.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        partial.replace(target.with_name("hashes.json"))
    trust: Trust = "published" if file.sha256 else "recorded" if known else "first use"
    return Fetched(target, digest, trust)


def _recorded(folder: Path) -> dict[str, str]:
    """Hashes of files that were downloaded into a folder before, by name."""
    path = folder / "hashes.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise WeightsError(f"'{path}' cannot be read: correct or remove it.") from error
    return {str(k): str(v) for k, v in content.items()} if isinstance(content, dict) else {}
