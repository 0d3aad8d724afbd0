"""The commands that work on an app's data, with or without its server running."""

from __future__ import annotations

import code
import contextlib
import email
import email.policy
import email.utils
import logging
import sys
import types
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from channelshim import limits
from channelshim.appserver import loading
from channelshim.appserver.exposure import Exposure
from channelshim.appserver.scripts import Scripts
from channelshim.composition import control
from channelshim.composition.control import Control
from channelshim.composition.installation import Installation
from channelshim.composition.plan import make_plan
from channelshim.composition.reading import application_id_of, read_named
from channelshim.composition.settings import Settings
from channelshim.contracts.dispatcher import InternalRequest
from channelshim.errors import ConfigurationError
from channelshim.runtime.notices import NOTICES
from channelshim.services.forwarding import forward

_logger: Final = logging.getLogger("channelshim.composition")

_HOST: Final = "localhost:8080"

_NAMES: Final = {
    "channel": "google.appengine.api.channel",
    "db": "google.appengine.ext.db",
    "deferred": "google.appengine.ext.deferred",
    "memcache": "google.appengine.api.memcache",
    "ndb": "google.appengine.ext.ndb",
    "taskqueue": "google.appengine.api.taskqueue",
    "users": "google.appengine.api.users",
}
"""What a shell has imported: name to module."""


class Opened:
    """An app whose services this process can call.

    Args:
        paths: as the app's server names them; see reading.read_named. The modules of
            the folder that is named first can be imported; data are the whole app's.
            Where no server answers and another order would open other data, that is
            one warning.
        settings: as read.

    Attributes:
        installation: its services here.
        scripts: not loaded.
        control: to the server that has the store; None when this process may have it.

    Raises:
        ConfigurationError: there is no app.yaml, or it is broken.
    """

    def __init__(self, paths: Sequence[Path], settings: Settings) -> None:
        whole = read_named(paths)
        # A part has the id, and so the data, of the whole app.
        id = application_id_of(whole.directory, whole.config, settings.application)
        app = whole.part(whole.first_folder)
        assert app.config is not None
        self._config = app.config
        self.installation: Installation = Installation(
            make_plan(replace(settings, application=id), app)
        )
        self.scripts: Scripts = Scripts(
            app.directory, dialect=self.installation.dialect
        )
        self.control: Control | None = control.connect(
            self.installation.plan.store_directory
        )
        if self.control is not None:
            forward(self.control.ask)
        elif len(whole.ids(settings.application)) > 1:
            sentence = (
                f"the data is that of {id}, by what is named first, since none is the "
                "default module: name all in the order that serve gets"
            )
            NOTICES.warn(_logger, sentence)

    def enter(self) -> None:
        """Make the app's modules and environment those of this process."""
        loading.enter_app(
            self.scripts, self._config, self.installation.plan.application, _HOST
        )

    def load(self) -> None:
        """Enter, and import every script.

        Raises:
            AppImportError: none can be imported.
        """
        loading.load_app(
            self.scripts, self._config, self.installation.plan.application, _HOST
        )

    def close(self) -> None:
        """Give the store back, or leave its server."""
        if self.control is not None:
            self.control.close()
        else:
            self.installation.close()


@contextlib.contextmanager
def opened(paths: Sequence[Path], settings: Settings) -> Iterator[Opened]:
    """Open an app for a `with` statement; see Opened."""
    app = Opened(paths, settings)
    try:
        yield app
    finally:
        app.close()


def shell(
    paths: Sequence[Path],
    settings: Settings,
    program: str | None,
    say: Callable[[str], None],
) -> int:
    """Run Python in an app's environment, on its data.

    Args:
        paths: see Opened.
        settings: as read.
        program: what to run; None asks at the terminal, or reads standard input where
            that is none.
        say: prints a line for the person at the terminal.

    Returns:
        the exit status: 1 when the program raised.

    Raises:
        ConfigurationError: as Opened.
        StorageError: the store cannot be used.
    """
    with opened(paths, settings) as app:
        app.enter()
        names = shell_names()
        if program is None and not sys.stdin.isatty():
            program = sys.stdin.read()
        if program is not None:
            return _run(program, names)
        plan = app.installation.plan
        way = "its server answers" if app.control else "no server runs"
        say(f"The app's data is in {plan.store}; {way}.")
        say(f"Imported: {', '.join(sorted(_NAMES))}")
        _interact(names)
    return 0


def shell_names() -> dict[str, Any]:
    """Return what code that a person types finds by name: Google's modules."""
    names: dict[str, Any] = {"__name__": "__console__", "__doc__": None}
    for name, module in _NAMES.items():
        __import__(module)
        names[name] = sys.modules[module]
    # Modules that the program defines classes in are looked up by name.
    console = types.ModuleType("__console__")
    console.__dict__.update(names)
    sys.modules["__console__"] = console
    return console.__dict__


def _run(program: str, names: dict[str, Any]) -> int:
    interpreter = code.InteractiveInterpreter(names)
    try:
        compiled = compile(program, "<shell>", "exec")
    except (SyntaxError, ValueError, OverflowError):
        interpreter.showsyntaxerror("<shell>")
        return 1
    try:
        exec(compiled, names)
    except Exception:
        interpreter.showtraceback()
        return 1
    return 0


def _interact(names: dict[str, Any]) -> None:
    try:
        from IPython import start_ipython
    except ImportError:
        code.interact(banner="", local=names, exitmsg="")
    else:
        start_ipython(argv=["--no-banner"], user_ns=names)


def deliver_mail(
    path: Path, settings: Settings, data: bytes, recipient: str
) -> tuple[str, int]:
    """Hand a mail to the app's handler for incoming mail.

    Args:
        path: the app's folder.
        settings: as read.
        data: the mail (RFC 5322).
        recipient: its address; "" takes the first of the mail's own To.

    Returns:
        the address, and the status that the app answered.

    Raises:
        ConfigurationError: it has no address, or as Opened.
        StorageError: the store cannot be used.
    """
    address = recipient or _recipient_of(data)
    target = f"/_ah/mail/{urllib.parse.quote(address, safe='@')}"
    with opened([path], settings) as app:
        if app.control is not None:
            facts, _ = app.control.ask(
                "request",
                data,
                path=target,
                content_type="message/rfc822",
                remote_address=limits.MAIL_REMOTE_ADDRESS,
            )
            return address, int(facts["status"])
        app.load()
        instance = app.installation.open()
        instance.serve(Exposure(host=_HOST), scripts=app.scripts)
        request = InternalRequest(
            "POST",
            target,
            data,
            "message/rfc822",
            remote_address=limits.MAIL_REMOTE_ADDRESS,
        )
        return address, instance.sites.dispatch(request).status


def _recipient_of(data: bytes) -> str:
    message = email.message_from_bytes(data, policy=email.policy.compat32)
    found = email.utils.getaddresses([str(each) for each in message.get_all("To", [])])
    for _, address in found:
        if "@" in address:
            return address
    raise ConfigurationError(
        "the mail has no To address: say whom it is for, with --to ADDRESS"
    )
