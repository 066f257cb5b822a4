"""One tree of errors; every message is a sentence for the user that names the remedy.

RsRefSegPluginError
├── CancelledError             the user asked to stop: not a failure
├── InputError                 what the user asked for cannot be done
│   ├── PhraseError             an empty, overlong or unusable phrase
│   ├── LayerError              a layer or extent that cannot be given to the engine
│   └── SettingError            a setting that makes no sense
├── OutputError                a result that cannot be written where it was asked for
├── InstallError               the engine's Python could not be installed (see ``reason``)
└── EngineError                the engine or the way to it
    ├── EngineNotInstalledError the engine is not installed yet
    ├── EngineStartError        the engine did not start or could not load its model
    ├── EngineDiedError         the engine's process ended while it was needed
    │   └── EngineStoppedError   because this plugin stopped it
    ├── EngineUnreachableError  no connection, or it broke
    │   └── EngineTimeoutError   no answer in time
    ├── EngineCertificateError  the remote engine's certificate is not the trusted one
    ├── EngineTokenError        the engine refuses the token
    ├── EngineProtocolError     the engine answered something that is not understood
    │   └── EngineVersionError   plugin and engine are of versions that do not fit
    └── EngineAnswerError       the engine said in a sentence why it cannot (see ``code``)
"""

from __future__ import annotations


def tr(text: str) -> str:
    """Translate a text through Qt; without Qt (scripts, benchmarks) give it back as it is."""
    try:
        from qgis.PyQt.QtCore import QCoreApplication
    except ImportError:
        return text
    return str(QCoreApplication.translate("RSRefSeg", text))


def quoted(text: str) -> str:
    """A text in the quotation marks of the user's language."""
    return tr("“{text}”").format(text=text)


class RsRefSegPluginError(Exception):
    """Base of all errors that the plugin raises on purpose; ``str(error)`` is for the user."""


class CancelledError(RsRefSegPluginError):
    """The user asked to stop."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or tr("Cancelled."))


class InputError(RsRefSegPluginError):
    """What the user asked for cannot be done."""


class PhraseError(InputError):
    """A phrase is empty, too long or unusable."""


class LayerError(InputError):
    """A layer or extent cannot be given to the engine."""


class SettingError(InputError):
    """A setting makes no sense."""


class OutputError(RsRefSegPluginError):
    """A result cannot be written where it was asked for."""


class InstallError(RsRefSegPluginError):
    """The engine's Python could not be installed.

    Attributes:
        reason: what kind of failure it is: no_python, no_network, proxy, certificate, disk_full,
            no_permission, no_wheel, busy, broken.
        detail: the end of the installer's own output, for the log.
    """

    def __init__(self, message: str, *, reason: str = "broken", detail: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.detail = detail


class EngineError(RsRefSegPluginError):
    """The engine, or the way to it, is at fault."""


class EngineNotInstalledError(EngineError):
    """The engine is not installed yet."""


class EngineStartError(EngineError):
    """The engine did not start or could not load its model."""


class EngineDiedError(EngineError):
    """The engine's process ended while it was needed; the next request starts it again."""


class EngineStoppedError(EngineDiedError):
    """This plugin stopped the engine on purpose while a request was under way."""


class EngineUnreachableError(EngineError):
    """No connection to the engine, or it broke before the answer was complete."""


class EngineTimeoutError(EngineUnreachableError):
    """The engine gave no answer in time."""


class EngineCertificateError(EngineError):
    """The remote engine's certificate is not the trusted one.

    Attributes:
        fingerprint: SHA-256 of the certificate that it shows, for a user to compare and accept;
            empty when that is not the remedy.
    """

    def __init__(self, message: str, *, fingerprint: str = "") -> None:
        super().__init__(message)
        self.fingerprint = fingerprint


class EngineTokenError(EngineError):
    """The engine refuses the token."""


class EngineProtocolError(EngineError):
    """The engine answered something that is not understood."""


class EngineVersionError(EngineProtocolError):
    """Plugin and engine are of versions that do not fit."""


class EngineAnswerError(EngineError):
    """The engine said in a sentence why it cannot do what was asked.

    Attributes:
        code: the engine's stable name of the error, such as ``bad_phrase``.
        status: the HTTP status.
        request_id: the request it is about, as it stands in the engine's log.
    """

    def __init__(
        self, message: str, *, code: str, status: int = 0, request_id: str | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.request_id = request_id
