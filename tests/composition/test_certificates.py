"""What can be wrong with the files of a certificate is one sentence each."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from channelshim.composition.certificates import tls_context
from channelshim.composition.settings import Settings
from channelshim.errors import ConfigurationError
from tests.authority import Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def context(certificate: Path | str, key: Path | str) -> ssl.SSLContext | None:
    return tls_context(
        Settings(
            ssl_certificate_path=str(certificate), ssl_certificate_key_path=str(key)
        )
    )


def sentence(certificate: Path | str, key: Path | str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        context(certificate, key)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_without_a_certificate_it_is_http() -> None:
    assert tls_context(Settings()) is None


def test_a_certificate_and_its_key_speak_https(authority: Authority) -> None:
    assert context(authority.certificate, authority.key) is not None


def test_the_two_files_are_found_from_the_current_and_the_home_folder(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = authority.certificate.parent
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(folder)
    assert context("certificate.pem", "~/key.pem") is not None


def test_one_file_alone_asks_for_the_other(authority: Authority) -> None:
    for pair in (("", authority.key), (authority.certificate, "")):
        assert "need each other" in sentence(*pair)


def test_a_file_that_is_not_there_is_named(authority: Authority) -> None:
    found = sentence("none.pem", authority.key)
    assert found == (
        "ssl_certificate_path none.pem cannot be read: No such file or directory"
    )
    found = sentence(authority.certificate, authority.key.parent)
    assert found.startswith("ssl_certificate_key_path")
    assert found.endswith("cannot be read: Is a directory")


def test_files_that_are_something_else_are_named(
    authority: Authority, tmp_path: Path
) -> None:
    der = tmp_path / "certificate.der"
    pem = authority.certificate.read_text()
    der.write_bytes(ssl.PEM_cert_to_DER_cert(pem))
    assert "openssl x509 -inform der" in sentence(der, authority.key)
    assert "has no private key" in sentence(
        authority.certificate, authority.certificate
    )


def test_a_key_of_another_certificate_is_told(
    authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path)
    found = sentence(authority.certificate, other.key)
    assert "is not that of the certificate" in found


def test_a_key_with_a_password_is_not_asked_for(
    authority: Authority, tmp_path: Path
) -> None:
    key = serialization.load_pem_private_key(authority.key.read_bytes(), None)
    for form in (
        serialization.PrivateFormat.PKCS8,
        serialization.PrivateFormat.TraditionalOpenSSL,
    ):
        encrypted = tmp_path / "encrypted.pem"
        encrypted.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                form,
                serialization.BestAvailableEncryption(b"secret"),
            )
        )
        assert "has a password" in sentence(authority.certificate, encrypted)


def test_damaged_files_are_told(authority: Authority, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.pem"
    for good, pair in (
        (authority.certificate, lambda: (damaged, authority.key)),
        (authority.key, lambda: (authority.certificate, damaged)),
    ):
        lines = good.read_text().splitlines()
        damaged.write_text("\n".join([lines[0], "AAAA", *lines[2:]]) + "\n")
        assert "is damaged" in sentence(*pair())
