"""ssl: certificates of strings of either kind."""

from __future__ import annotations

import ssl

from channelshim.python27.stdlib.wrapping import raw_of, with_bytes, with_text

__all__ = ["DER_cert_to_PEM_cert", "PEM_cert_to_DER_cert", "RAND_bytes"]

DER_cert_to_PEM_cert = with_bytes(ssl.DER_cert_to_PEM_cert)
RAND_bytes = with_bytes(ssl.RAND_bytes, raw_of)
_der_of_pem = with_text(ssl.PEM_cert_to_DER_cert)


def PEM_cert_to_DER_cert(pem_cert_string: object) -> object:
    """Return a certificate's bytes."""
    return raw_of(_der_of_pem(pem_cert_string))
