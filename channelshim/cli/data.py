"""`channelshim data`: moves an app's data, and shows where data is."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from channelshim.cli.options import SettingsCommand, with_settings
from channelshim.composition.setting_values import read_settings
from channelshim.errors import ConfigurationError

if TYPE_CHECKING:
    from channelshim.data.exporting import Progress
    from channelshim.data.importing import Outcome

_SETTINGS: Final = (
    *("application", "storage_path", "store_synchronous"),
    *("store", "store_file", "store_schema"),
)

_UNITS: Final = ("B", "KB", "MB", "GB")
_UNIT: Final = 1000


@click.group("data")
def data() -> None:
    """Move an app's data to a file and back, and look after the stores here."""


@with_settings(*_SETTINGS)
@data.command("export", cls=SettingsCommand)
@click.argument("app_dir")
@click.argument("file")
def _export(app_dir: str, file: str, **settings: Any) -> None:
    """Write all data of the app in APP_DIR to FILE.

    That is entities, tasks, accounts and blobs, as of one moment. A server of the app
    may be running.
    """
    from channelshim.composition import data as desk
    from channelshim.data.importing import described

    read = read_settings(settings, os.environ)
    tally = desk.export_data(Path(app_dir), read, Path(file), _progress())
    click.echo(f"the app's data is in {file}: {described(tally)}")


@with_settings(*_SETTINGS)
@data.command("import", cls=SettingsCommand)
@click.argument("app_dir")
@click.argument("file")
@click.option("--merge", is_flag=True, help="Add to the data that the app has.")
@click.option("--replace", is_flag=True, help="Delete the data that the app has first.")
@click.option("--dry-run", is_flag=True, help="Check FILE, and import nothing.")
@click.option(
    "--from-application",
    default="",
    metavar="ID",
    help="Take the entities of this app, where FILE has several: dev~myapp.",
)
@click.option(
    "--blobs",
    metavar="FOLDER",
    help="The old server's blobs; by default `blobs` beside its datastore.",
)
def _import(
    app_dir: str,
    file: str,
    merge: bool,
    replace: bool,
    dry_run: bool,
    from_application: str,
    blobs: str | None,
    **settings: Any,
) -> None:
    """Bring the data in FILE into the store of the app in APP_DIR.

    FILE is one of channelshim data export, the old dev_appserver's datastore.db or the
    folder that it is in, or a managed export of Datastore. No server of the app may be
    running. An import that was cut short goes on when it is run again.
    """
    from channelshim.composition import data as desk
    from channelshim.data.importing import Mode, described

    if merge and replace:
        raise ConfigurationError("--merge and --replace exclude each other: choose one")
    mode = Mode.MERGE if merge else Mode.REPLACE if replace else Mode.FRESH
    read = read_settings(settings, os.environ)
    options: dict[str, Any] = {
        "source_application": from_application,
        "source_blobs": None if blobs is None else Path(blobs),
    }
    place, source = Path(app_dir), Path(file)
    if dry_run:
        survey = desk.check_data(place, read, source, _progress(), **options)
        click.echo(f"{file} can be imported: {described(survey.tally)}")
        return
    outcome = desk.import_data(place, read, source, mode, _progress(), **options)
    for line in _told(file, outcome, described(outcome.survey.tally)):
        click.echo(line)


def _told(file: str, outcome: Outcome, content: str) -> Sequence[str]:
    """Return what to print after an import."""
    lines = [f"{file} is imported: {content}"]
    if outcome.resumed_at:
        lines.append(
            f"(the first {outcome.resumed_at:,} records were in the store already, "
            "from a run that was cut short)"
        )
    if outcome.survey.left_out:
        lines.append(f"{outcome.survey.left_out:,} entities of other apps are left out")
    if outcome.refused_tasks:
        lines.append(
            f"{outcome.refused_tasks:,} tasks are left out: tasks of their names are "
            "there, or were there lately"
        )
    return lines


@data.command("list")
def _list() -> None:
    """Show the stores in the user's data folder: app, size, last change (UTC)."""
    from channelshim.composition import place, store_folders
    from channelshim.pages.templates import time_text

    found = store_folders.all_stores()
    for each in found:
        use = "  in use" if each.is_in_use else ""
        size, changed = _size_text(each.size), time_text(each.changed_at)
        click.echo(f"{each.application_id}  {size}  {changed}  {each.path}{use}")
    if not found:
        click.echo(f"there are no stores in {place.data_folder()}")


@data.command("clear")
@click.argument("apps", nargs=-1, required=True, metavar="APP...")
@click.option("--yes", is_flag=True, help="Do not ask.")
def _clear(apps: Sequence[str], yes: bool) -> None:
    """Delete the stores of apps from the user's data folder, secrets included.

    APP is an id as channelshim data list shows it. No server may have the store.
    """
    from channelshim.composition import store_folders

    stores = [store_folders.find_store(app) for app in dict.fromkeys(apps)]
    for store in stores:
        if not yes and not _confirms(f"Delete {store.path}?"):
            click.echo(f"{store.application_id} is left as it is")
            continue
        store_folders.clear_store(store)
        click.echo(f"the data of {store.application_id} is deleted")


def _confirms(question: str) -> bool:
    # It is None where the descriptor is closed.
    if sys.stdin is None or not sys.stdin.isatty():
        raise ConfigurationError("nobody can be asked here: say --yes to delete data")
    return click.confirm(question)


def _size_text(size: float) -> str:
    for unit in _UNITS[:-1]:
        if size < _UNIT:
            return f"{size:.0f} {unit}"
        size /= _UNIT
    return f"{size:.1f} {_UNITS[-1]}"


def _progress() -> Progress:
    """Return a bar for a person at a terminal, and nothing elsewhere."""
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    return _Bar() if is_terminal else _Silence()


class _Silence:
    """Shows nothing."""

    def begin(self, label: str, total: int) -> None:
        """Do nothing."""

    def advance(self, done: int) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""


class _Bar:
    """A bar on standard error."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._done = 0

    def begin(self, label: str, total: int) -> None:
        """Start: `total` units are to be done."""
        self._done = 0
        self._bar = click.progressbar(
            length=max(total, 1), label=label, file=sys.stderr
        )
        self._bar.__enter__()

    def advance(self, done: int) -> None:
        """So many units are done since `begin`."""
        self._bar.update(done - self._done)
        self._done = done

    def end(self) -> None:
        """All are."""
        self._bar.__exit__(None, None, None)
