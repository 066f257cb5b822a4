"""A stand-in for the engine's process: speaks the contract with the standard library alone.

Run as ``python fake_engine.py -m rsrefseg serve …``; ``FAKE_ENGINE`` chooses how it misbehaves.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import signal
import ssl
import sys
import threading
import time
from pathlib import Path
from urllib.parse import unquote

MODE = os.environ.get("FAKE_ENGINE", "")
TOKEN = os.environ.get("RSREFSEG_TOKEN", "secret")
CANCELLED: set[str] = set()
ENCODES: list[dict] = []
SEGMENTS: list[dict] = []
STARTED = time.monotonic()

MODEL = {"name": "fake", "preset": "fake", "sha256": "0" * 64}
FULL_MODEL = {
    **MODEL,
    "tile_px": 256,
    "min_resolution_m": 0.1,
    "max_resolution_m": 1.0,
    "default_resolution_m": 0.3,
    "vocabulary_examples": ["building"],
    "a_field_from_the_future": 1,
}


def health() -> dict:
    loading = MODE == "slow_load" and time.monotonic() - STARTED < 0.5
    state = "failed" if MODE == "bad_weights" else "loading" if loading else "ready"
    error = {"code": "bad_weights", "message": "The weights are broken; choose others."}
    return {
        "api_version": 2 if MODE == "new_api" else 1,
        "engine_version": "0.1.0",
        "state": state,
        "error": error if state == "failed" else None,
        "model": FULL_MODEL if state == "ready" else None,
        "device": {"kind": "cpu", "name": "CPU", "why": "No GPU.", "precision": "fp32"},
        "cache": {"images": 0, "bytes": 0, "budget_bytes": 1},
    }


def answer(request: dict) -> dict:
    ring = [[0, 0], [1, 0], [1, 1], [0, 0]]
    feature = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"phrase": "", "score": 0.9, "area_m2": 0.5},
    }
    results = [
        {
            "phrase": phrase,
            "score": 0.9,
            "presence": None,
            "unknown_words": [],
            "features": [{**feature, "properties": {**feature["properties"], "phrase": phrase}}],
        }
        for phrase in request["phrases"]
    ]
    return {
        "request_id": request["request_id"],
        "api_version": 1,
        "engine_version": "0.1.0",
        "model": MODEL,
        "crs": None,
        "results": results,
        "windows": 1,
        "resolution_m": 0.3,
        "timings": {"total_s": 0.1},
        "warnings": [],
    }


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        print("request", *args, file=sys.stderr, flush=True)

    def reply(self, status: int, body: dict) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def refuse(self, status: int, code: str, message: str) -> None:
        self.reply(status, {"error": {"code": code, "message": message, "request_id": None}})

    def allowed(self) -> bool:
        if self.headers.get("Authorization") == f"Bearer {TOKEN}":
            return True
        self.refuse(401, "bad_token", "The token is wrong.")
        return False

    def do_GET(self) -> None:
        if self.path == "/v1/ready":
            self.reply(200, {"ready": True})
        elif not self.allowed():
            return
        elif self.path == "/v1/health":
            self.reply(200, health())
        elif self.path.endswith("/events"):
            self.events()
        elif self.path == "/v1/seen":  # for tests: what it was asked for
            self.reply(
                200, {"encodes": ENCODES, "segments": SEGMENTS, "cancelled": sorted(CANCELLED)}
            )
        else:
            self.refuse(404, "not_found", "There is no such thing.")

    def events(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for text in (
            ': a comment\n\nevent: progress\ndata: {"fraction": 0.5, "message": "half"}\n\n',
            "event: done\ndata: {}\n\n",
        ):
            self.wfile.write(text.encode())
            self.wfile.flush()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if not self.allowed():
            return
        if self.path == "/v1/images":
            self.images(body)
        elif self.path.endswith("/cancel"):
            CANCELLED.add(unquote(self.path.split("/")[-2]))
            self.reply(202, {})
        elif self.path == "/v1/encode":
            self.encode(json.loads(body))
        else:
            SEGMENTS.append(json.loads(body))
            self.segment(SEGMENTS[-1])

    def encode(self, request: dict) -> None:
        ENCODES.append(request)
        if MODE == "slow_encode" and self.is_cancelled(request):
            return
        answer = {"request_id": request["request_id"], "windows": 1, "timings": {"total_s": 0}}
        self.reply(200, answer)

    def is_cancelled(self, request: dict) -> bool:
        """Wait for a cancel and say so; False when none comes."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if request["request_id"] in CANCELLED:
                self.refuse(499, "cancelled", "Cancelled.")
                return True
            time.sleep(0.02)
        return False

    def images(self, body: bytes) -> None:
        info = {
            "image_id": hashlib.sha256(body).hexdigest(),
            "width": 1,
            "height": 1,
            "crs": None,
            "transform": [1, 0, 0, 0, -1, 0],
            "bands": 3,
            "dtype": "uint8",
        }
        self.reply(201, info)

    def segment(self, request: dict) -> None:
        if "die" in request["phrases"]:
            os.kill(os.getpid(), signal.SIGKILL)
        for phrase in request["phrases"]:
            once, _, flag = phrase.partition("die unless there is ")
            if not once and flag and not Path(flag).exists():
                Path(flag).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        if "exit" in request["phrases"]:
            print("RuntimeError: the device is gone", file=sys.stderr, flush=True)
            os._exit(3)
        if "" in request["phrases"]:
            self.refuse(422, "bad_phrase", "The phrase is empty; type one.")
            return
        if "wait" in request["phrases"] and self.is_cancelled(request):
            return
        self.reply(200, answer(request))
        if "close" in request["phrases"]:
            self.close_connection = True  # without saying so: the client finds it stale


def main() -> None:
    print("starting up: äöü 屋根", file=sys.stderr, flush=True)
    if MODE == "crash":
        sys.exit("No module named rsrefseg")
    if MODE == "silent":
        sys.stdin.read()
        return
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if os.environ.get("FAKE_TLS"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*os.environ["FAKE_TLS"].split(os.pathsep))
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    if MODE == "chatty":
        print("a library prints to stdout", flush=True)
    ready = {
        "event": "ready",
        "url": f"http://127.0.0.1:{server.server_port}",
        "port": server.server_port,
        "api_version": 2 if MODE == "new_api" else 1,
        "engine_version": "0.1.0",
        "pid": os.getpid(),
    }
    print(json.dumps(ready), flush=True)
    if MODE == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(60)
    sys.stdin.read()  # ends with the parent


if __name__ == "__main__":
    main()
