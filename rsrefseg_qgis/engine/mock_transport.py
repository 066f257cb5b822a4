"""A transport for tests: a function answers instead of an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from .transport import RawResponse, StreamRefusedError


@dataclass(frozen=True)
class Sent:
    """A request as the transport got it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class MockTransport:
    """Answers with what ``handler`` gives for a request, and remembers the requests."""

    handler: Callable[[Sent], RawResponse]
    sent: list[Sent] = field(default_factory=list)

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> RawResponse:
        """Ask the handler."""
        self.sent.append(Sent(method, path, headers, body))
        return self.handler(self.sent[-1])

    def stream(self, path: str, headers: Mapping[str, str], timeout_s: float) -> Iterator[bytes]:
        """Ask the handler and yield the lines of its body."""
        response = self.send("GET", path, headers, b"", timeout_s)
        if response.status != 200:
            raise StreamRefusedError(response)
        yield from response.body.splitlines(keepends=True)

    def close(self) -> None:
        """Nothing to give up."""
