"""Whom the plugin trusts when an engine runs elsewhere: TLS, pinned by fingerprint where asked.

A self-signed certificate is accepted by its SHA-256 fingerprint, which the engine prints when it
starts. What the server shows is read first, compared, and then made the one thing trusted, so
that the connection that carries the token is verified like any other: an expired certificate, or
another one, is refused by the TLS library itself.
"""

from __future__ import annotations

import hashlib
import re
import ssl
from dataclasses import dataclass

from rsrefseg_qgis.errors import EngineCertificateError, SettingError, tr

from .proxy import Proxy, open_plain

# OpenSSL's X509_V_ERR_… codes
EXPIRED = 10
NOT_YET_VALID = 9
OTHER_NAME = {62, 64}
# Lets the pinned certificate itself be the anchor, whoever signed it; Python names it from 3.10 on.
PARTIAL_CHAIN = 0x80000


@dataclass(frozen=True)
class Trust:
    """What makes a certificate acceptable.

    Attributes:
        fingerprint: SHA-256 of the one accepted certificate, 64 hex digits; empty to go by the
            system's and QGIS's certificate authorities.
        authorities_pem: further certificate authorities, as QGIS's settings have them.
    """

    fingerprint: str = ""
    authorities_pem: str = ""


def parse_fingerprint(text: str) -> str:
    """A fingerprint as people paste it, as 64 lower-case hex digits; empty stays empty.

    Raises:
        SettingError: it is no SHA-256 fingerprint.
    """
    digits = re.sub(r"^.*=|^sha-?256:", "", text.strip(), flags=re.IGNORECASE)
    digits = re.sub(r"[:\s-]", "", digits).lower()
    if digits and not re.fullmatch("[0-9a-f]{64}", digits):
        raise SettingError(
            tr(
                "“{text}” is no SHA-256 fingerprint of a certificate; copy the 64 digits that the "
                "engine prints when it starts into the plugin's settings."
            ).format(text=text)
        )
    return digits


def show_fingerprint(digits: str) -> str:
    """A fingerprint as it is usually written."""
    return ":".join(digits[i : i + 2] for i in range(0, len(digits), 2)).upper()


def qgis_authorities() -> str:
    """The certificate authorities that QGIS's own settings trust (PEM); empty without QGIS."""
    try:
        from qgis.core import QgsApplication
    except ImportError:
        return ""
    manager = QgsApplication.authManager()
    if manager is None or manager.isDisabled():
        return ""
    return bytes(manager.trustedCaCertsPemText()).decode("ascii", "replace")


def make_context(host: str, port: int, trust: Trust, proxy: Proxy | None) -> ssl.SSLContext:
    """The TLS context for connections to a server.

    Raises:
        EngineCertificateError: the server shows another certificate than the pinned one.
        OSError: the server cannot be reached to see its certificate.
    """
    if not trust.fingerprint:
        context = ssl.create_default_context()
        if trust.authorities_pem:
            context.load_verify_locations(cadata=trust.authorities_pem)
        return context
    certificate = shown_certificate(host, port, proxy)
    found = hashlib.sha256(certificate).hexdigest()
    if found != trust.fingerprint:
        raise _another_certificate(host, found)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False  # the very certificate is known: its name adds nothing
    context.verify_flags |= ssl.VerifyFlags(PARTIAL_CHAIN)
    context.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(certificate))
    return context


def shown_certificate(host: str, port: int, proxy: Proxy | None) -> bytes:
    """The certificate that a server shows (DER); nothing is sent to it and nothing trusted yet."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    plain = open_plain(host, port, proxy)
    with plain, context.wrap_socket(plain, server_hostname=host) as shown:
        return shown.getpeercert(binary_form=True) or b""


def explain(
    error: ssl.SSLError, url: str, host: str, port: int, trust: Trust, proxy: Proxy | None
) -> EngineCertificateError:
    """One sentence on why a TLS connection failed."""
    code = getattr(error, "verify_code", 0)
    if not isinstance(error, ssl.SSLCertVerificationError):
        why = tr("no TLS connection comes about there: {why}").format(why=error.reason or error)
        text = tr("The engine at {url} could not be reached safely ({why}); check the address.")
        return EngineCertificateError(text.format(url=url, why=why))
    if code == EXPIRED:
        text = tr("The certificate of the engine at {url} has expired; renew it on the server.")
        return EngineCertificateError(text.format(url=url))
    if code == NOT_YET_VALID:
        text = tr("The certificate of the engine at {url} is not valid yet; check both clocks.")
        return EngineCertificateError(text.format(url=url))
    if code in OTHER_NAME:
        text = tr(
            "The certificate of the engine at {url} is for another name than {host}; use the name "
            "that it is for."
        )
        return EngineCertificateError(text.format(url=url, host=host))
    try:
        found = hashlib.sha256(shown_certificate(host, port, proxy)).hexdigest()
    except OSError:
        found = ""
    if trust.fingerprint:
        return _another_certificate(host, found)
    text = tr(
        "Nobody that this system trusts vouches for the engine at {url}; if {found} is the "
        "fingerprint that the engine prints when it starts, set it in the plugin's settings."
    )
    return EngineCertificateError(
        text.format(url=url, found=show_fingerprint(found)), fingerprint=found
    )


def _another_certificate(host: str, found: str) -> EngineCertificateError:
    text = tr(
        "The engine at {host} shows another certificate than the trusted one; if its operator has "
        "renewed it, set the new fingerprint in the plugin's settings: {found}"
    )
    return EngineCertificateError(
        text.format(host=host, found=show_fingerprint(found)), fingerprint=found
    )
