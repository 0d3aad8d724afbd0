"""The commands for the accounts of `--login=accounts`, with or without its server."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from channelshim.appserver.login.addresses import is_address
from channelshim.composition import control
from channelshim.composition.control import Facts
from channelshim.composition.place import store_directory
from channelshim.composition.reading import application_id_of, read_app
from channelshim.composition.settings import Settings
from channelshim.composition.stores import choose_store, open_store
from channelshim.contracts.store import Password, Passwords
from channelshim.errors import ConfigurationError

QUESTION: Final = "accounts"
"""What a command asks a server."""

Ask = Callable[[Facts], Facts]


def answer(passwords: Passwords, facts: Facts) -> Facts:
    """Return what a question about accounts is answered with.

    Args:
        passwords: of the store.
        facts: "do": add, passwd, remove or list; the "email" and the "hash".

    Returns:
        "refused": why nothing was done; else "accounts": emails, each with the Unix
        seconds at which its password was set.
    """
    do, email = str(facts["do"]), str(facts.get("email", ""))
    found = passwords.get(email) if email else None
    if do == "add" and found is not None:
        return {
            "refused": f"there is an account {found.email} already: channelshim "
            "accounts passwd changes its password"
        }
    if do in ("passwd", "remove") and found is None:
        return {
            "refused": f"there is no account {email}: channelshim accounts list shows "
            "those that there are"
        }
    if do == "remove":
        passwords.remove(email)
    elif do in ("add", "passwd"):
        name = email if found is None else found.email
        passwords.put(Password(name, str(facts["hash"]), time.time()))
    return {"accounts": [[each.email, each.changed_at] for each in passwords.all()]}


def add(folder: Path, settings: Settings, email: str, password: str) -> None:
    """Add an account.

    Args:
        folder: the app's.
        settings: as read.
        email: of the account; its name.
        password: new.

    Raises:
        ConfigurationError: the email or the password is not good, or the account is
            there already.
        StorageError: the store cannot be used.
    """
    if not is_address(email):
        raise ConfigurationError(
            f"{email!r} cannot be the name of an account: it must be an address such "
            "as ann@example.com"
        )
    _change(folder, settings, "add", email, _hash_of(password))


def set_password(folder: Path, settings: Settings, email: str, password: str) -> None:
    """Give an account a new password, which ends its sessions; raises as `add`."""
    _change(folder, settings, "passwd", email, _hash_of(password))


def remove(folder: Path, settings: Settings, email: str) -> None:
    """Remove an account, which ends its sessions; raises as `add`."""
    _change(folder, settings, "remove", email)


def all_of(folder: Path, settings: Settings) -> list[tuple[str, float]]:
    """Return the accounts: emails, and the Unix seconds of their passwords."""
    with _desk(folder, settings) as ask:
        answered = ask({"do": "list"})
    return [(str(email), float(at)) for email, at in answered["accounts"]]


def _hash_of(password: str) -> str:
    try:
        from channelshim.appserver.login import passwords
    except ImportError as error:
        raise ConfigurationError(
            f"accounts need {error.name}: pip install 'channelshim[login]'"
        ) from None
    if complaint := passwords.complaint(password):
        raise ConfigurationError(complaint)
    return passwords.hash_of(password)


def _change(
    folder: Path, settings: Settings, do: str, email: str, hashed: str = ""
) -> None:
    with _desk(folder, settings) as ask:
        answered = ask({"do": do, "email": email, "hash": hashed})
    if "refused" in answered:
        raise ConfigurationError(str(answered["refused"]))


@contextlib.contextmanager
def _desk(folder: Path, settings: Settings) -> Iterator[Ask]:
    """Yield what answers: the server that has the store, or the store itself."""
    config = read_app(folder)
    application_id = application_id_of(folder, config, settings.application)
    place = store_directory(application_id, settings.storage_path)
    choice = choose_store(settings, application_id, place, config)
    server = control.connect(place)
    if server is not None:
        try:
            yield lambda facts: server.ask(QUESTION, **facts)[0]
        finally:
            server.close()
        return
    store = open_store(choice)
    try:
        yield lambda facts: answer(store.passwords, facts)
    finally:
        store.close()
