"""`channelshim accounts`: who may log in by a password."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Final

import click

from channelshim.cli.options import SettingsCommand, with_settings
from channelshim.composition.setting_values import read_settings
from channelshim.errors import ConfigurationError

_LONGEST_LINE: Final = 65536
"""Bytes; what is longer is too long for a password anyway."""

_SETTINGS: Final = (
    *("application", "storage_path", "store_synchronous"),
    *("store", "store_file", "store_schema"),
)


@click.group("accounts")
def accounts() -> None:
    """Say who may log in by a password, where the app is served with --login=accounts.

    A server of the app may be running.
    """


@with_settings(*_SETTINGS)
@accounts.command("add", cls=SettingsCommand)
@click.argument("email")
@click.argument("app_dir", default=".")
def _add(email: str, app_dir: str, **settings: Any) -> None:
    """Add an account named EMAIL to the app in APP_DIR.

    Asks for a password; one that comes from standard input is its first line.
    """
    from channelshim.composition import accounts as desk

    read = read_settings(settings, os.environ)
    desk.add(Path(app_dir), read, email, _new_password())
    click.echo(f"{email} can log in")


@with_settings(*_SETTINGS)
@accounts.command("passwd", cls=SettingsCommand)
@click.argument("email")
@click.argument("app_dir", default=".")
def _passwd(email: str, app_dir: str, **settings: Any) -> None:
    """Give the account EMAIL a new password, asked for as by add; its sessions end."""
    from channelshim.composition import accounts as desk

    read = read_settings(settings, os.environ)
    desk.set_password(Path(app_dir), read, email, _new_password())
    click.echo(f"{email} has a new password, and has to log in again")


@with_settings(*_SETTINGS)
@accounts.command("remove", cls=SettingsCommand)
@click.argument("email")
@click.argument("app_dir", default=".")
def _remove(email: str, app_dir: str, **settings: Any) -> None:
    """Remove the account EMAIL; its sessions end, and its data stays."""
    from channelshim.composition import accounts as desk

    desk.remove(Path(app_dir), read_settings(settings, os.environ), email)
    click.echo(f"{email} can no longer log in")


@with_settings(*_SETTINGS)
@accounts.command("list", cls=SettingsCommand)
@click.argument("app_dir", default=".")
def _list(app_dir: str, **settings: Any) -> None:
    """Show the accounts, and since when each has its password (UTC)."""
    from channelshim.composition import accounts as desk
    from channelshim.pages.templates import time_text

    found = desk.all_of(Path(app_dir), read_settings(settings, os.environ))
    for email, changed_at in found:
        click.echo(f"{email}  {time_text(changed_at)}")
    if not found:
        click.echo("there are no accounts: channelshim accounts add EMAIL makes one")


def _new_password() -> str:
    # Without a standard input there is no such object.
    if sys.stdin is not None and sys.stdin.isatty():
        password: str = click.prompt(
            "Password", hide_input=True, confirmation_prompt=True
        )
        return password
    line = b"" if sys.stdin is None else sys.stdin.buffer.readline(_LONGEST_LINE)
    line = line.rstrip(b"\r\n")
    if not line:
        raise ConfigurationError(
            "there is no password: type it at a terminal, or write it to standard input"
        )
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError(
            "the password on standard input is not UTF-8: write it so, or type it at a "
            "terminal"
        ) from None
