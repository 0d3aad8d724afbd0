"""The certificate with which our own server speaks https.

Read at the start, so that a wrong file is one sentence there and not a riddle in a
browser.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

from channelshim.composition.settings import Settings
from channelshim.errors import ConfigurationError

_CERTIFICATE: Final = b"-----BEGIN CERTIFICATE-----"
_KEY_END: Final = b"PRIVATE KEY-----"
_ENCRYPTED: Final = (b"BEGIN ENCRYPTED PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED")

_MISMATCHES: Final = frozenset(
    {
        "KEY_VALUES_MISMATCH",
        "KEY_TYPE_MISMATCH",
        "NO_CERTIFICATE_ASSIGNED",
        "NO_PRIVATE_KEY_ASSIGNED",
    }
)
"""OpenSSL's reasons for a key that is another certificate's."""


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """Return what a server speaks https with, or None for http.

    Args:
        settings: name the two files, relative to the current folder.

    Raises:
        ConfigurationError: only one is named, one cannot be read, or they do not
            belong together.
    """
    certificate, key = settings.ssl_certificate_path, settings.ssl_certificate_key_path
    if not (certificate or key):
        return None
    if not (certificate and key):
        raise ConfigurationError(
            "ssl_certificate_path and ssl_certificate_key_path need each other: name "
            "the certificate and its private key, or neither"
        )
    certificate_path, key_path = Path(certificate), Path(key)
    _check_certificate(certificate_path, _read("ssl_certificate_path", certificate))
    _check_key(key_path, _read("ssl_certificate_key_path", key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # A browser that may choose asks for HTTP/2.
    context.set_alpn_protocols(["http/1.1"])
    try:
        # Without a password OpenSSL would ask the terminal for one.
        context.load_cert_chain(
            certificate_path.expanduser(), key_path.expanduser(), password=""
        )
    except (OSError, ValueError) as error:
        raise ConfigurationError(_sentence(certificate, key, error)) from None
    return context


def _read(name: str, path: str) -> bytes:
    try:
        return Path(path).expanduser().read_bytes()
    except (OSError, RuntimeError, ValueError) as error:
        # No such home folder; a NUL in the name.
        raise ConfigurationError(
            f"{name} {path} cannot be read: {getattr(error, 'strerror', '') or error}"
        ) from None


def _check_certificate(path: Path, content: bytes) -> None:
    if _CERTIFICATE not in content:
        raise ConfigurationError(
            f"ssl_certificate_path {path} has no certificate in PEM form, which begins "
            f"with {_CERTIFICATE.decode()}: name another file, or convert this one "
            f"with `openssl x509 -inform der -in {path} -out {path}.pem`"
        )


def _check_key(path: Path, content: bytes) -> None:
    if any(mark in content for mark in _ENCRYPTED):
        raise ConfigurationError(
            f"the key in ssl_certificate_key_path {path} has a password, which nobody "
            f"can be asked for: write it without one, with `openssl pkey -in {path} "
            f"-out {path}.plain`"
        )
    if _KEY_END not in content:
        raise ConfigurationError(
            f"ssl_certificate_key_path {path} has no private key in PEM form, which "
            "begins with -----BEGIN PRIVATE KEY-----: name the key's file"
        )


def _sentence(certificate: str, key: str, error: Exception) -> str:
    reason = getattr(error, "reason", "") or str(error)
    if reason in _MISMATCHES:
        return (
            f"the key in ssl_certificate_key_path {key} is not that of the certificate "
            f"in ssl_certificate_path {certificate}: name the two that were made "
            "together"
        )
    return (
        f"the certificate in ssl_certificate_path {certificate} or the key in "
        f"ssl_certificate_key_path {key} is damaged (OpenSSL says {reason}): make "
        "them again"
    )
