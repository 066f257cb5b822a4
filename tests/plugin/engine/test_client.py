from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from rsrefseg_qgis.engine.client import EngineClient
from rsrefseg_qgis.engine.manager import EngineManager
from rsrefseg_qgis.engine.mock_transport import MockTransport
from rsrefseg_qgis.engine.transport import HttpTransport, RawResponse
from rsrefseg_qgis.engine.wire import EncodeRequest, ImageRef, SegmentRequest
from rsrefseg_qgis.errors import (
    CancelledError,
    EngineAnswerError,
    EngineProtocolError,
    EngineTimeoutError,
    EngineTokenError,
    EngineUnreachableError,
    SettingError,
)


def request(*phrases: str, request_id: str = "r1") -> SegmentRequest:
    return SegmentRequest(request_id, ImageRef(id="x"), phrases)


@pytest.fixture
def client(manager: EngineManager) -> EngineClient:
    return manager.ensure()


def test_whole_conversation(client: EngineClient) -> None:
    assert client.is_ready()
    image = client.put_image(b"not really a TIFF")
    assert image.transform == (1, 0, 0, 0, -1, 0)
    assert client.encode(EncodeRequest("e", ImageRef(id=image.image_id))).windows == 1
    answer = client.segment(request("roof", "屋根"))
    assert [result.phrase for result in answer.results] == ["roof", "屋根"]
    assert answer.results[0].features[0].area_m2 == 0.5
    events = list(client.events("r1"))
    assert [(event.kind, event.fraction, event.message) for event in events] == [
        ("progress", 0.5, "half"),
        ("done", 1.0, ""),
    ]


def test_error_is_the_engines_sentence(client: EngineClient) -> None:
    with pytest.raises(EngineAnswerError, match="empty; type one") as caught:
        client.segment(request(""))
    assert caught.value.code == "bad_phrase"
    assert caught.value.status == 422


def test_cancel_from_another_thread(client: EngineClient) -> None:
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.segment, request("wait", request_id="slow one"))
        time.sleep(0.1)
        client.cancel("slow one")
        with pytest.raises(CancelledError):
            answer.result(timeout=5)


def test_connection_closed_while_idle_is_replaced(client: EngineClient) -> None:
    client.segment(request("close"))
    time.sleep(0.1)
    assert client.segment(request("roof")).windows == 1


def test_wrong_token(client: EngineClient) -> None:
    stranger = EngineClient(client.base_url, "another")
    with closing(stranger), pytest.raises(EngineTokenError, match="token"):
        stranger.health()


@pytest.mark.parametrize("token", ["a\nb", "ü"])
def test_impossible_token(token: str) -> None:
    with pytest.raises(EngineTokenError, match="copy it again"):
        EngineClient("http://127.0.0.1:1", token)


def test_proxies_are_ignored(client: EngineClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert client.health().state == "ready"


@pytest.mark.parametrize("url", ["", "ftp://x", "localhost:80", "http://", "http://x:99999"])
def test_bad_address(url: str) -> None:
    with pytest.raises(SettingError, match="no address of an engine"):
        HttpTransport(url)


def test_nobody_there() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(EngineUnreachableError, match="Nothing answers"):
        EngineClient(f"http://127.0.0.1:{port}", "t").health()


@pytest.fixture
def answering(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server that sends fixed bytes to whoever connects, then closes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(5)
                connection.recv(65536)
                if request.param is not None:
                    connection.sendall(request.param)
                    return
                while connection.recv(65536):
                    pass  # says nothing until the client gives up

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


@pytest.mark.parametrize(
    ("answering", "error", "says"),
    [
        (b"SSH-2.0-OpenSSH_9\r\n", EngineUnreachableError, "broke"),
        (b"", EngineUnreachableError, "broke"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", EngineUnreachableError, "broke"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", EngineProtocolError, "object"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\xff", EngineProtocolError, "JSON"),
        (b"HTTP/1.1 502 Bad\r\nContent-Length: 3\r\n\r\n<p>", EngineUnreachableError, "502"),
        (b"HTTP/1.1 404 No\r\nContent-Length: 3\r\n\r\n<p>", EngineProtocolError, "404"),
        (b"HTTP/1.1 200 " + b"x" * 70000 + b"\r\n\r\n", EngineProtocolError, "is no engine"),
    ],
    indirect=["answering"],
)
def test_something_else_answers(answering: str, error: type[Exception], says: str) -> None:
    with closing(EngineClient(answering, "t")) as client, pytest.raises(error, match=says):
        client.health()


@pytest.mark.parametrize("answering", [None], indirect=True)
def test_no_answer_in_time(answering: str) -> None:
    with pytest.raises(EngineTimeoutError, match="in time"):
        EngineClient(answering, "t", timeout_s=0.2).put_image(b"x")


def test_fields_of_the_wrong_type_are_named() -> None:
    health = {"api_version": 1, "engine_version": 5, "state": "ready"}
    transport = MockTransport(lambda sent: RawResponse(200, json.dumps(health).encode()))
    with pytest.raises(EngineProtocolError, match="engine_version"):
        EngineClient("http://x", "t", transport).health()
    assert transport.sent[0].headers["Authorization"] == "Bearer t"


def test_an_image_is_an_id_or_a_path() -> None:
    with pytest.raises(ValueError, match="one of them"):
        ImageRef()
    assert ImageRef(path="/a").to_json() == {"path": "/a"}
