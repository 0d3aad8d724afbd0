"""What settings and app.yaml come to together: small decisions, each a function."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from channelshim.appserver import hosts
from channelshim.appyaml.config import AppConfig
from channelshim.composition.settings import Settings
from channelshim.contracts.mails import MailRoute, SendmailRoute, SmtpRoute
from channelshim.errors import ConfigurationError


class Bound(Protocol):
    """What listens, or stands for what listens elsewhere."""

    def getsockname(self) -> Any:
        """Return the address, host and port first."""


DEVELOPMENT: Final = "dev"
"""The setting `login` of the login that asks for no proof."""

OIDC: Final = "oidc"
"""The same of the login by a provider."""

_SENDMAIL_FOLDERS: Final = ("/usr/sbin", "/usr/lib")
"""Where it is by the Filesystem Hierarchy Standard 3.0, often on root's PATH alone."""

_logger: Final = logging.getLogger("channelshim.composition")

SHORTEST_SECRET: Final = 32
"""Characters of a signing secret that a setting gives."""


def refuse_open_login(settings: Settings, listener: socket.socket) -> None:
    """Refuse to listen beyond this machine while anybody can log in as anybody.

    The address that is bound decides, not how the host was written: a name such as
    127.office.example may lead anywhere.

    Args:
        settings: says whether the login is open.
        listener: bound; closed by a refusal.

    Raises:
        ConfigurationError: names the setting that allows it.
    """
    asks_for_proof = settings.login != DEVELOPMENT
    if asks_for_proof or settings.allow_dev_login or is_on_loopback(listener):
        return
    address = listener.getsockname()[0]
    listener.close()
    raise ConfigurationError(
        f"the login page asks for no password, so nobody but this machine should "
        f"reach it, and {address} is reached by others: listen on localhost, "
        "or choose a real login with --login, or pass --allow_dev_login where "
        "everybody may be anybody"
    )


def signer_name(settings: Settings) -> str:
    """Return the name of the login in what cookies are signed with.

    Whoever became somebody by another login, above all the development login, is
    nobody by this one; so is who became it by another provider, or while addresses
    counted that it had not verified.
    """
    if settings.login == DEVELOPMENT:
        return ""
    if settings.login != OIDC:
        return settings.login
    facts = f"{settings.oidc_issuer.strip()}\0{settings.oidc_trust_email}"
    digest = hashlib.sha256(facts.encode("utf-8", "backslashreplace"))
    return f"{OIDC} {digest.hexdigest()}"


def is_on_loopback(listener: Bound) -> bool:
    """Return whether only this machine reaches a listening socket."""
    return hosts.is_loopback_address(listener.getsockname()[0])


def worker_count(settings: Settings, config: AppConfig | None) -> int:
    """Return how many threads run the app.

    What the setting says; else one for `threadsafe: false`; else a few more than
    cores: Python runs one at a time, the others wait for the store or a slow reader.
    """
    if settings.threads:
        return int(settings.threads)
    if config is not None and not config.is_threadsafe:
        return 1
    return min(16, 4 + 2 * (os.cpu_count() or 1))


def posts_presence(settings: Settings, config: AppConfig | None) -> bool:
    """Return whether the app hears who is connected.

    Always by default, as in the old development server; by a setting only where
    app.yaml's inbound_services ask for it, as in production.
    """
    services = config.inbound_services if config is not None else ()
    return not settings.require_inbound_services or "channel_presence" in services


def signing_secrets(settings: Settings) -> Sequence[bytes]:
    """Return what a setting says that signs, oldest first; empty for the store's own.

    Raises:
        ConfigurationError: one is too short, or the file cannot be read or has none.
    """
    name, texts = "signing_secrets", settings.signing_secrets
    if settings.signing_secrets_file:
        if texts:
            raise ConfigurationError(
                "signing_secrets and signing_secrets_file are both set: unset one"
            )
        name = f"signing_secrets_file {settings.signing_secrets_file}"
        texts = _lines(
            settings.signing_secrets_file, "signing_secrets_file", "one secret a line"
        )
    if any(len(text) < SHORTEST_SECRET for text in texts):
        raise ConfigurationError(
            f"{name}: each secret must have at least {SHORTEST_SECRET} characters"
        )
    return [text.encode("utf-8") for text in texts]


def metrics_token(settings: Settings) -> str:
    """Return what opens the probes of the console's port; "" for nothing.

    Raises:
        ConfigurationError: the file cannot be read, or holds no such token.
    """
    path = settings.metrics_token_file
    if not path:
        return ""
    name = "metrics_token_file"
    lines = _lines(path, name, "one token")
    if len(lines) > 1 or not lines[0].isascii() or " " in lines[0]:
        raise ConfigurationError(
            f"{name} {path}: write one token, in letters and digits, and nothing else"
        )
    if len(lines[0]) < SHORTEST_SECRET:
        raise ConfigurationError(
            f"{name} {path}: the token must have at least {SHORTEST_SECRET} characters"
        )
    return lines[0]


def mail_route(settings: Settings) -> MailRoute | None:
    """Return how the app's mail leaves; None where it is kept.

    Raises:
        ConfigurationError: the password is missing, given twice or cannot be read.
    """
    if not settings.smtp_host:
        return _sendmail() if settings.enable_sendmail else None
    password = settings.smtp_password
    if settings.smtp_password_file:
        if password:
            raise ConfigurationError(
                "smtp_password and smtp_password_file are both set: unset one"
            )
        path = settings.smtp_password_file
        lines = _lines(path, "smtp_password_file", "the password")
        if len(lines) > 1:
            raise ConfigurationError(
                f"smtp_password_file {path}: write the password, and nothing else"
            )
        password = lines[0]
    if bool(settings.smtp_user) != bool(password):
        missing = "smtp_user" if password else "smtp_password_file"
        raise ConfigurationError(
            "a login at the SMTP server needs smtp_user and its password: set "
            f"{missing}"
        )
    if not (settings.smtp_user + password).isascii():
        raise ConfigurationError(
            "smtp_user and its password must be ASCII: SMTP servers take no other"
        )
    return SmtpRoute(
        settings.smtp_host.strip(),
        settings.smtp_port,
        settings.smtp_user,
        password,
        settings.smtp_tls,
    )


def _sendmail() -> SendmailRoute | None:
    """Return this machine's own mail system, if it has one."""
    places = (os.environ.get("PATH", os.defpath), *_SENDMAIL_FOLDERS)
    program = shutil.which("sendmail", path=os.pathsep.join(places))
    if program is None:
        # Old command lines name the flag wherever they run.
        _logger.warning(
            "enable_sendmail: this machine has no program sendmail: mail is kept and "
            "not sent"
        )
        return None
    return SendmailRoute(program)


def _lines(path: str, setting: str, contents: str) -> tuple[str, ...]:
    """Return the lines of a file that are not empty; there must be one."""
    try:
        text = Path(path).expanduser().read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{setting} {path} cannot be read: {error}") from None
    lines = tuple(line.strip() for line in text.splitlines() if line.strip())
    if not lines:
        raise ConfigurationError(f"{setting} {path} is empty: write {contents}")
    return lines
