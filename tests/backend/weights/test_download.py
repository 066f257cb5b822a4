"""Downloads against a server on this machine that behaves as badly as it is told to."""

from __future__ import annotations

import hashlib
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from rsrefseg.errors import DownloadError
from rsrefseg.weights.download import Patience, fetch
from rsrefseg.weights.registry import RemoteFile

CONTENT = os.urandom(300_000)
SHA = hashlib.sha256(CONTENT).hexdigest()
QUICK = Patience(attempts=3, wait_s=0.01, timeout_s=2)


class Server(ThreadingHTTPServer):
    """Serves `content`; what goes wrong is set on it by the test."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.etag = '"one"'
        self.cut_after = []  # bytes to send before hanging up, one for each request
        self.statuses = []  # statuses to answer with first
        self.ranges = True
        self.lengths = True
        self.seen = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/models/x.bin"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server
        asked = self.headers.get("Range")
        server.seen.append((self.path, asked))
        if server.statuses:
            self.answer(server.statuses.pop(0), b"", {})
            return
        start, matches = 0, self.headers.get("If-Range", server.etag) == server.etag
        headers = {"ETag": server.etag} if server.etag else {}
        if asked and server.ranges is True and matches:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(server.content):
                self.answer(416, b"", {"Content-Range": f"bytes */{len(server.content)}"})
                return
            end = len(server.content)
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{end}"
        elif asked and server.ranges == "refused":
            self.answer(416, b"", {})
            return
        self.answer(206 if start else 200, server.content[start:], headers)

    def answer(self, status, body, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.server.lengths:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.server.cut_after and body:
            body = body[: self.server.cut_after.pop(0)]
        self.wfile.write(body)
        self.close_connection = True


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def get(server, tmp_path):
    def run(size=None, sha256=SHA, url=None, **options):
        file = RemoteFile("checkpoint", "x.bin", url or server.url, size, sha256)
        return fetch(file, tmp_path, patience=QUICK, **options)

    return run


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_a_whole_file(get, tmp_path):
    heard = []
    fetched = get(size=len(CONTENT), progress=lambda done, total: heard.append((done, total)))
    assert fetched.path.read_bytes() == CONTENT
    assert (fetched.sha256, fetched.trust) == (SHA, "published")
    assert heard[-1] == (len(CONTENT), len(CONTENT))
    assert names(tmp_path) == ["x.bin"]


def test_what_is_there_is_not_got_again(get, server):
    get()
    get()
    assert len(server.seen) == 1


def test_a_cut_is_resumed(get, server):
    server.cut_after = [100_000, 50_000]
    assert get().path.read_bytes() == CONTENT
    assert [asked for _, asked in server.seen] == [None, "bytes=100000-", "bytes=150000-"]


def test_a_later_run_resumes(get, server, tmp_path):
    server.cut_after = [100_000, 0, 0, 0]
    with pytest.raises(DownloadError, match="run the same command again"):
        get()
    assert "x.bin" not in names(tmp_path)
    server.cut_after = []
    assert get().path.read_bytes() == CONTENT
    assert server.seen[-1][1] == "bytes=100000-"
    assert names(tmp_path) == ["x.bin"]


def test_a_file_that_changed_between_is_not_joined(get, server):
    server.cut_after = [100_000, 0, 0, 0]
    with pytest.raises(DownloadError):
        get(sha256=None)
    server.cut_after, server.etag, server.content = [], '"two"', b"other" * 9
    assert get(sha256=None).path.read_bytes() == b"other" * 9


def test_without_a_version_or_hash_nothing_is_joined(get, server):
    server.etag = ""
    server.cut_after = [100_000]
    assert get(sha256=None).path.read_bytes() == CONTENT
    assert [asked for _, asked in server.seen] == [None, None]


@pytest.mark.parametrize("ranges", [False, "refused"])
def test_a_server_that_does_not_resume(get, server, ranges):
    server.cut_after, server.ranges = [100_000], ranges
    assert get().path.read_bytes() == CONTENT


def test_wrong_bytes_are_thrown_away(get, server, tmp_path):
    server.content = b"not it" * 100
    with pytest.raises(DownloadError, match="SHA-256"):
        get()
    assert names(tmp_path) == []


def test_another_size_is_refused_before_it_comes(get, server, tmp_path):
    with pytest.raises(DownloadError, match=f"where {len(CONTENT) + 1} were published"):
        get(size=len(CONTENT) + 1)
    assert names(tmp_path) == []


@pytest.mark.parametrize(("status", "said"), [(404, "no such file"), (403, "refuses")])
def test_final_answers_are_final(get, server, tmp_path, status, said):
    server.statuses = [status]
    with pytest.raises(DownloadError, match=said):
        get()
    assert len(server.seen) == 1
    assert names(tmp_path) == []


def test_passing_faults_are_waited_out(get, server):
    server.statuses = [503, 429]
    assert get().path.read_bytes() == CONTENT
    assert len(server.seen) == 3


def test_lasting_faults_are_said(get, server):
    server.statuses = [500] * 9
    with pytest.raises(DownloadError, match="answers 500"):
        get()


def test_nobody_there_is_said(get):
    with pytest.raises(DownloadError, match="HTTPS_PROXY"):
        get(url="http://127.0.0.1:9/x.bin")


def test_a_length_or_hash_is_needed(get, server, tmp_path):
    server.lengths = False
    with pytest.raises(DownloadError, match="how long"):
        get(sha256=None)
    assert get().path.read_bytes() == CONTENT


def test_an_unpublished_hash_is_recorded_and_then_held_to(get, server, tmp_path):
    first = get(sha256=None)
    assert (first.trust, first.sha256) == ("first use", SHA)
    assert get(sha256=None).trust == "recorded"
    first.path.unlink()
    server.content = b"changed"
    with pytest.raises(DownloadError, match="recorded at the first download"):
        get(sha256=None)
    assert not first.path.exists()


def test_a_damaged_file_is_replaced(get):
    path = get().path
    path.write_bytes(b"damaged")
    assert get().path.read_bytes() == CONTENT


def test_a_mirror_folder(get, server, tmp_path):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    with pytest.raises(DownloadError, match=r"no 'x\.bin'"):
        get(mirror=str(mirror))
    (mirror / "x.bin").write_bytes(b"wrong")
    with pytest.raises(DownloadError, match="SHA-256"):
        get(mirror=str(mirror))
    (mirror / "x.bin").write_bytes(CONTENT)
    assert get(mirror=str(mirror)).path.read_bytes() == CONTENT
    assert server.seen == []


def test_a_mirror_host(get, server):
    host = f"http://127.0.0.1:{server.server_port}/copy"
    get(url="http://example.invalid/models/x.bin", mirror=host)
    assert server.seen[0][0] == "/copy/models/x.bin"
    with pytest.raises(DownloadError, match="neither"):
        get(sha256=None, mirror="ftp://example.org")


def test_a_proxy_is_honoured(get, server, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("no_proxy", "")
    get(url="http://example.invalid/models/x.bin")
    assert server.seen[0][0] == "http://example.invalid/models/x.bin"


def test_two_at_once_are_refused(get, tmp_path):
    lock = tmp_path / ".x.bin.lock"
    lock.write_text(str(os.getpid()), encoding="utf-8")
    with pytest.raises(DownloadError, match="Another process"):
        get()
    lock.write_text("999999999", encoding="utf-8")
    get()
    assert names(tmp_path) == ["x.bin"]


def test_an_unwritable_folder_is_said(get, tmp_path):
    (tmp_path / "x.bin").mkdir()
    with pytest.raises(DownloadError, match="cannot be written"):
        get()
