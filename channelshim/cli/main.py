"""The commands: `channelshim` and the old name, `dev_appserver.py`."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import click

from channelshim.cli.options import SettingsCommand, with_settings
from channelshim.composition.setting_values import read_settings
from channelshim.composition.settings import SETTINGS, Settings
from channelshim.errors import ChannelShimError, ConfigurationError
from channelshim.runtime import collector, interrupts
from channelshim.version import __version__

if TYPE_CHECKING:
    from channelshim.composition.reloading import Command, Handover


class _OldFlags(SettingsCommand):
    """A command that also takes the flags of the old dev_appserver.py."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        from channelshim.cli import terminal
        from channelshim.cli.old_flags import translate
        from channelshim.composition.reloading import (
            HANDOVER_VARIABLE,
        )

        def warn(line: str) -> None:
            # A reload has said it before.
            if HANDOVER_VARIABLE not in os.environ:
                terminal.warn(line, ctx.info_name or "")

        switches = frozenset(each.name for each in SETTINGS if each.is_switch)
        return super().parse_args(ctx, translate(args, switches, warn))


def _print_version(ctx: click.Context, _: click.Parameter, is_asked: bool) -> None:
    if is_asked and not ctx.resilient_parsing:
        name = ctx.find_root().info_name or "channelshim"
        whose = "" if name == "channelshim" else f" ({name})"
        python = ".".join(map(str, sys.version_info[:3]))
        click.echo(f"channelshim {__version__}{whose}, Python {python}")
        ctx.exit()


_version_option = click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show whose command this is, and the version.",
)

_STORE_SETTINGS: Final = (
    *("application", "storage_path", "store", "store_file", "store_schema"),
)
_COMMAND_SETTINGS: Final = (*_STORE_SETTINGS, "python27", "env_var", "log_level")

_HELP: Final = {"help_option_names": ["-h", "--help"]}


_IN_MODULES: Final = frozenset({"accounts", "data", "deploy"})
"""Commands that stand in a module of their own, by its name."""


class _Commands(click.Group):
    """Imports a command's module when the command is asked for: serve needs none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_IN_MODULES.union(super().list_commands(ctx)))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _IN_MODULES:
            module = importlib.import_module(f"channelshim.cli.{cmd_name}")
            return cast(click.Command, getattr(module, cmd_name))
        return super().get_command(ctx, cmd_name)


@click.group(cls=_Commands, context_settings=_HELP, invoke_without_command=True)
@_version_option
@click.pass_context
def _group(ctx: click.Context) -> None:
    """Run legacy App Engine apps, Channel API included, on today's Python."""
    if ctx.invoked_subcommand != "serve":
        collector.be_usual()
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@with_settings()
@_group.command("serve", cls=_OldFlags)
@click.argument("app", nargs=-1)
@_version_option
def _serve(app: tuple[str, ...], **settings: Any) -> None:
    """Serve the app in the folder APP, or the modules whose YAML files are named."""
    serve(app, settings)


@_group.command("init")
@click.argument("directory", default=".")
def _init(directory: str) -> None:
    """Write the tutorial's chat app into DIRECTORY, by default the current one."""
    from channelshim.cli.project import write_tutorial_app

    for path in write_tutorial_app(Path(directory)):
        click.echo(f"wrote {path}")
    click.echo(f"Now run: channelshim serve {directory}")


@with_settings(
    *("application", "storage_path", "store_synchronous"),
    *("store", "store_file", "store_schema"),
)
@_group.command("rotate-secrets", cls=SettingsCommand)
@click.argument("app_dir", default=".")
@click.option("--at-once", is_flag=True, help="Forget the old ones: all logins end.")
def _rotate_secrets(app_dir: str, at_once: bool, **settings: Any) -> None:
    """Sign with new secrets from the next start of the app in APP_DIR on.

    Tokens and logins that the old ones signed stay good until the next rotation.
    """
    from channelshim.composition import signing_secrets

    read = read_settings(settings, os.environ)
    store = signing_secrets.rotate_secrets(
        Path(app_dir), read, keep=1 if at_once else 2
    )
    click.echo(f"the next start signs with new secrets, kept in {store}")


@with_settings(*_STORE_SETTINGS)
@_group.command("backup", cls=SettingsCommand)
@click.argument("app_dir")
@click.argument("file")
def _backup(app_dir: str, file: str, **settings: Any) -> None:
    """Write the data of the app in APP_DIR to FILE, a tar file.

    A server of the app may be running: it goes on, and makes the copy.
    """
    from channelshim.composition import backup

    read = read_settings(settings, os.environ)
    count = backup.back_up(_folder(app_dir), read, Path(file))
    files = "1 file" if count == 1 else f"{count:,} files"
    click.echo(f"the app's data is in {file}: {files}")


@with_settings(*_STORE_SETTINGS)
@_group.command("restore", cls=SettingsCommand)
@click.argument("file")
@click.argument("app_dir")
def _restore(file: str, app_dir: str, **settings: Any) -> None:
    """Put the data of FILE, a backup, in the place of that of the app in APP_DIR.

    No server of the app may be running. The data that was there is moved away, not
    deleted.
    """
    from channelshim.composition import restoring

    read = read_settings(settings, os.environ)
    done = restoring.restore(Path(file), _folder(app_dir), read)
    files = "1 file" if done.files == 1 else f"{done.files:,} files"
    click.echo(f"the app's data in {done.folder} is that of {file}: {files}")
    if done.before is not None:
        click.echo(f"what was there is in {done.before}")


@with_settings(*_COMMAND_SETTINGS)
@_group.command("shell", cls=SettingsCommand)
@click.argument("app", nargs=-1)
@click.option("-c", "program", help="Run this program instead.", metavar="PROGRAM")
def _shell(app: tuple[str, ...], program: str | None, **settings: Any) -> None:
    """Run Python with the app's modules and data; IPython where it is installed.

    Where serve is given several folders or files, shell takes the same: code is
    imported from the folder of the first, and the data is the whole app's. Any order
    does where one of them is the default module, or all have the same `application`;
    otherwise it must be the order that serve gets.

    A server of the app may be running: it makes the calls then. What comes from
    standard input is run as a program, in Python 3; modules of an app in Python 2.7
    are imported as what they are.
    """
    from channelshim.cli import terminal
    from channelshim.composition import commands

    read = read_settings(settings, os.environ)
    terminal.configure_logging(read.log_level)
    sys.exit(commands.shell(_paths(app), read, program, terminal.say))


@with_settings(*_COMMAND_SETTINGS)
@_group.command("mail", cls=SettingsCommand)
@click.argument("app_dir")
@click.argument("file", type=click.File("rb"))
@click.option("--to", "recipient", default="", help="Whom it is for; else its To.")
def _mail(app_dir: str, file: Any, recipient: str, **settings: Any) -> None:
    """Hand the mail in FILE (- for standard input) to the app's mail handler.

    A server of the app may be running; otherwise the app is loaded for this mail.
    """
    from channelshim.cli import terminal
    from channelshim.composition import commands

    read = read_settings(settings, os.environ)
    terminal.configure_logging(read.log_level)
    address, status = commands.deliver_mail(
        _folder(app_dir), read, file.read(), recipient
    )
    if status == HTTPStatus.NOT_FOUND:
        raise ConfigurationError(
            f"the app has no handler for /_ah/mail/{address}: app.yaml needs one, as "
            "- url: /_ah/mail/.+"
        )
    if status >= HTTPStatus.BAD_REQUEST:
        raise ConfigurationError(
            f"the app answered {status} to the mail for {address}; its log says why"
        )
    click.echo(f"the app has taken the mail for {address}")


@with_settings(
    *("application", "storage_path", "threads", "workers", "broker", "broker_file"),
    *("memcache", "memcache_file", "store", "store_file", "store_schema"),
    *("store_connections", "store_pooler"),
)
@_group.command("doctor", cls=SettingsCommand)
@click.argument("app", nargs=-1)
@click.option(
    "--deployment",
    is_flag=True,
    help="Look at the servers instead that broker, memcache and store name.",
)
def _doctor(app: tuple[str, ...], deployment: bool, **settings: Any) -> None:
    """Say what the app in the folder APP uses, and what works here.

    With --deployment, say whether the Redis and the PostgreSQL that serve is to be
    given are right for it; what is named and the settings are those of serve.
    """
    if deployment:
        from channelshim.cli import doctor_deployment

        read = read_settings(settings, os.environ)
        text, status = doctor_deployment.report(_paths(app), read)
    else:
        from channelshim.cli import doctor

        for name, value in settings.items():
            if value is not None:
                raise ConfigurationError(f"--{name} is for --deployment: add that")
        if len(app) > 1:
            raise ConfigurationError("doctor looks at one app: name its folder alone")
        text, status = doctor.report(Path(*app))
    click.echo(text)
    sys.exit(status)


@_group.command(
    "test",
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def _test(arguments: tuple[str, ...]) -> None:
    """Run a legacy test suite: [pytest|unittest|python SCRIPT] [--python27] ARGS."""
    from channelshim.cli.testing import main as run_tests

    sys.exit(run_tests(list(arguments)))


@with_settings()
@click.command(cls=_OldFlags, context_settings=_HELP)
@click.argument("app", nargs=-1)
@_version_option
def _dev_appserver(app: tuple[str, ...], **settings: Any) -> None:
    """Serve the App Engine app in the folder APP, as the old command did.

    APP may also be an app.yaml, or several such files and dispatch.yaml: modules.
    """
    serve(app, settings)


def serve(app: Sequence[str], arguments: dict[str, Any]) -> None:
    """Serve with settings from the command line; logs go to standard error.

    Args:
        app: a folder, or YAML files; nothing for the folder where this is started.
        arguments: settings by name.
    """
    collector.be_patient()
    paths = _paths(app)
    from channelshim.cli import terminal
    from channelshim.composition import reloading
    from channelshim.runtime.notices import NOTICES

    command = reloading.Command.of_this_process()
    handover = reloading.take_over()
    if handover is not None:
        NOTICES.begin(handover.warned)
    settings = read_settings(arguments, os.environ)
    with terminal.log_to(settings.log_file):
        terminal.configure_logging(settings.log_level, form=settings.log_format)
        _serve_app(paths, settings, command, handover)


def _paths(app: Sequence[str]) -> list[Path]:
    """Return what a command names: the app's folder, or several YAML files."""
    if len(app) > 1:
        return [Path(each) for each in app]
    return [_folder(app[0] if app else ".")]


def _folder(app_dir: str) -> Path:
    """Return the app's folder; a path of its app.yaml was accepted in old times too."""
    path = Path(app_dir)
    # Even while an editor that writes files by renaming them leaves none there.
    if path.name in ("app.yaml", "app.yml") and not path.is_dir():
        return path.parent
    return path


def _serve_app(
    paths: Sequence[Path],
    settings: Settings,
    command: Command,
    handover: Handover | None,
) -> None:
    # Only now: reading settings and refusing a typing error need none of this.
    from channelshim.cli import terminal
    from channelshim.composition import command_door
    from channelshim.composition.ending import Ending

    def complain(error: ConfigurationError) -> str:
        terminal.complain(str(error), report=getattr(error, "report", ""))
        return _sentence(error)

    left = command_door.serve_named(
        paths, settings, command, handover, terminal.say, complain
    )
    Ending(left).begin()


def _sentence(error: ChannelShimError) -> str:
    """Return what to print: the app's own traceback, then the sentence."""
    report = getattr(error, "report", "")
    return f"{report}\n{error}" if report else str(error)


def main() -> None:
    """Run `channelshim`."""
    _run(_group, "channelshim")


def dev_appserver() -> None:
    """Run `dev_appserver.py`."""
    _run(_dev_appserver, "dev_appserver.py")


def _run(command: click.Command, name: str) -> None:
    try:
        command.main(prog_name=name, standalone_mode=False)
    except click.exceptions.Exit as exit_:
        sys.exit(exit_.exit_code)
    except click.NoSuchOption as error:
        import difflib

        near = difflib.get_close_matches(
            error.option_name, error.possibilities or [], n=1, cutoff=0
        )
        hint = f"; did you mean {near[0]}?" if near else ": see --help"
        _complain(f"there is no flag {error.option_name}{hint}", name)
        sys.exit(2)
    except click.ClickException as error:
        _complain(error.format_message(), name)
        sys.exit(2)
    except click.Abort as error:
        # click's word for Ctrl-C.
        raise KeyboardInterrupt from error
    except ChannelShimError as error:
        if interrupts.is_interrupt(error):
            raise
        _complain(str(error), name, getattr(error, "report", ""))
        sys.exit(1)


def _complain(sentence: str, name: str, report: str = "") -> None:
    from channelshim.cli.terminal import complain

    complain(sentence, name, report)
