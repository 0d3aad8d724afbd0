"""Certificates from an authority that only these tests trust."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


class Authority:
    """An authority, with one certificate in two files.

    Args:
        folder: where the files go.
        *names: of whom it is; none for this machine.

    Attributes:
        certificate: PEM file.
        key: PEM file of its private key.
    """

    def __init__(self, folder: Path, *names: str) -> None:
        self._own = trustme.CA()
        issued = self._own.issue_cert(*(names or ("localhost", "127.0.0.1")))
        self.certificate = folder / "certificate.pem"
        self.key = folder / "key.pem"
        (chain,) = issued.cert_chain_pems
        chain.write_to_path(self.certificate)
        issued.private_key_pem.write_to_path(self.key)

    @property
    def flags(self) -> tuple[str, str]:
        """Return the flags of a server with the certificate."""
        return (
            f"--ssl_certificate_path={self.certificate}",
            f"--ssl_certificate_key_path={self.key}",
        )

    def server(self) -> ssl.SSLContext:
        """Return what a server speaks with the certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def client(self) -> ssl.SSLContext:
        """Return what a client connects with that trusts the authority alone."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._own.configure_trust(context)
        return context

    def write_to(self, path: Path) -> None:
        """Write the authority's own certificate, for who is to trust it, as PEM."""
        self._own.cert_pem.write_to_path(path)
