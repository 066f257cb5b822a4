"""Where the service listens, and what it demands before it listens to others than this machine."""

from __future__ import annotations

import hashlib
import ipaddress
import math
import os
import secrets
import socket
import ssl
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from rsrefseg.errors import ConfigError

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
LOOPBACK_ADDRESSES = frozenset({"127.0.0.1", "localhost", "::1"})
TOKEN_BYTES = 32
MIN_TOKEN_BITS = 128


@dataclass(frozen=True)
class Access:
    """Who is listened to.

    Attributes:
        host: the address to listen on.
        port: the port; 0 for any free one.
        tls_cert: certificate chain (PEM); None for plain HTTP.
        tls_key: its key (PEM).
        insecure: listen to other machines without TLS.
        names: further host names that this engine may be called by.
    """

    host: str = "127.0.0.1"
    port: int = 0
    tls_cert: Path | None = None
    tls_key: Path | None = None
    insecure: bool = False
    names: tuple[str, ...] = ()

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in LOOPBACK_ADDRESSES

    @property
    def scheme(self) -> str:
        """http or https."""
        return "http" if self.tls_cert is None else "https"


def check_access(access: Access, token: str) -> None:
    """Refuse what would be unsafe.

    Raises:
        ConfigError: other machines could listen in, or guess the token.
    """
    if (access.tls_cert is None) != (access.tls_key is None):
        raise ConfigError("TLS needs a certificate and its key: give --tls-cert and --tls-key.")
    if access.tls_cert is not None and access.tls_key is not None:
        _check_certificate(access.tls_cert, access.tls_key)
    if access.is_local:
        return
    if access.tls_cert is None and not access.insecure:
        raise ConfigError(
            f"On {access.host}, other machines could read along: give --tls-cert and --tls-key, "
            "or --insecure if the network is trusted; 127.0.0.1 serves this machine only."
        )
    if token_bits(token) < MIN_TOKEN_BITS:
        raise ConfigError(
            f"The token is too easy to guess for other machines: set RSREFSEG_TOKEN to at least "
            f"{MIN_TOKEN_BITS} random bits (32 hexadecimal digits), or leave it unset to get one."
        )


def token_bits(token: str) -> float:
    """An upper bound of what a token's letters can hold, in bits."""
    letters = 16 if all(c in "0123456789abcdef" for c in token.lower()) else 64
    if len(set(token)) < 8:
        return 0.0
    return len(token) * math.log2(letters)


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def fingerprint(cert: Path) -> str:
    """SHA-256 of the first certificate of a PEM file, as pairs of digits."""
    text = cert.read_text(encoding="ascii", errors="replace")
    end = "-----END CERTIFICATE-----"
    first = text[text.index("-----BEGIN CERTIFICATE-----") : text.index(end) + len(end)]
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest().upper()
    return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))


def _check_certificate(cert: Path, key: Path) -> None:
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key)
        fingerprint(cert)
    except (OSError, ValueError) as error:  # ssl's errors are OSErrors
        raise ConfigError(
            f"The certificate {cert} and key {key} cannot be used ({error}): give PEM files that "
            "belong together."
        ) from error


def allowed_names(access: Access) -> Collection[str]:
    """Host names, without port, that a request may be addressed to."""
    names = set(LOOPBACK_NAMES) | {name.lower() for name in access.names}
    if not access.is_local:
        names |= {access.host.lower(), socket.gethostname().lower(), socket.getfqdn().lower()}
    return names


def is_address(name: str) -> bool:
    """Whether a host name is an IP address, which nobody can point elsewhere."""
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        ConfigError: the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, or asyncio does not switch off Nagle's algorithm: 40 ms for every answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"Port {port} of {host} cannot be listened on ({error.strerror}): choose another "
            "address or port, or port 0 for any free one."
        ) from error
    return listener


def public_url(access: Access, listener: socket.socket) -> str:
    """The address to call the service by."""
    address, port = listener.getsockname()[:2]
    if address in ("0.0.0.0", "::"):
        address = socket.getfqdn()
    named = f"[{address}]" if ":" in address else address
    return f"{access.scheme}://{named}:{port}"
