"""The commands: `channelshim` and the old name, `dev_appserver.py`."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from channelshim.composition.settings import (
    SETTINGS,
    Setting,
    Settings,
    idle_sentences,
    read_settings,
)
from channelshim.errors import ChannelShimError, ConfigurationError
from channelshim.version import __version__

if TYPE_CHECKING:
    from channelshim.composition.reloading import Command, Handover

_logger: Final = logging.getLogger("channelshim")


class _OldFlags(click.Command):
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


def _option(setting: Setting) -> Callable[[Any], Any]:
    dashed = "--" + setting.name.replace("_", "-")
    names = [f"--{setting.name}"]
    if dashed not in names:
        names.append(dashed)
    # None means "not said": the variable or the default holds then.
    if setting.is_switch:
        return click.option(
            *names,
            setting.name,
            help=setting.help,
            flag_value="yes",
            is_flag=False,
            default=None,
        )
    if setting.type in (tuple, dict):
        return click.option(
            *names,
            setting.name,
            help=setting.help,
            metavar="NAME=VALUE" if setting.type is dict else "VALUE,...",
            multiple=True,
            callback=_take_pairs if setting.type is dict else _take_texts,
        )
    return click.option(
        *names, setting.name, help=setting.help, default=None, metavar="VALUE"
    )


def _take_texts(_: click.Context, __: Any, values: tuple[str, ...]) -> str | None:
    return ",".join(values) if values else None


def _take_pairs(_: click.Context, __: Any, values: tuple[str, ...]) -> Any:
    # Each is one pair, commas and all.
    return values or None


def _with_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    for setting in reversed(SETTINGS):
        command = _option(setting)(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def _group() -> None:
    """Run legacy App Engine apps, Channel API included, on today's Python."""


@_group.command("serve", cls=_OldFlags)
@click.argument("app", nargs=-1)
@_with_settings
def _serve(app: tuple[str, ...], **settings: Any) -> None:
    """Serve the app in the folder APP, or the modules whose YAML files are named."""
    serve(app, settings)


@_group.command("init")
@click.argument("directory")
def _init(directory: str) -> None:
    """Write the tutorial's chat app into DIRECTORY."""
    from channelshim.cli.project import write_tutorial_app

    for path in write_tutorial_app(Path(directory)):
        click.echo(f"wrote {path}")
    click.echo(f"Now run: dev_appserver.py {directory}")


@_group.command("rotate-secrets")
@click.argument("app_dir", default=".")
@_with_settings
def _rotate_secrets(app_dir: str, **settings: Any) -> None:
    """Sign with new secrets from the next start of the app in APP_DIR on.

    Tokens and logins that the old ones signed stay good until the next rotation.
    """
    from channelshim.composition import doors

    folder = doors.rotate_secrets(Path(app_dir), read_settings(settings, os.environ))
    click.echo(f"the next start signs with new secrets, kept in {folder}")


@_group.command("doctor")
@click.argument("app_dir", default=".")
def _doctor(app_dir: str) -> None:
    """Say what the app in APP_DIR uses, and what works here."""
    from channelshim.cli.doctor import report

    text, status = report(Path(app_dir))
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


@click.command(cls=_OldFlags, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.argument("app", nargs=-1)
@_with_settings
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
    paths = [Path(each) for each in app] or [Path()]
    # Even while an editor that writes files by renaming them leaves none there.
    if len(paths) == 1 and paths[0].name in APP_FILES and not paths[0].is_dir():
        paths = [paths[0].parent]
    from channelshim.cli import terminal
    from channelshim.composition import reloading

    command = reloading.Command.of_this_process()
    handover = reloading.take_over()
    settings = read_settings(arguments, os.environ)
    terminal.configure_logging(settings.log_level)
    if handover is None:
        for sentence in idle_sentences(arguments, os.environ):
            _logger.warning("%s", sentence)
    _serve_app(
        paths, settings, command if settings.automatic_restart else None, handover
    )


APP_FILES: Final = ("app.yaml", "app.yml")


def _serve_app(
    paths: Sequence[Path],
    settings: Settings,
    command: Command | None,
    handover: Handover | None,
) -> None:
    # Only now: reading settings and refusing a typing error need none of this.
    from channelshim.cli import terminal
    from channelshim.composition import doors

    def complain(error: ConfigurationError) -> str:
        terminal.complain(str(error), report=getattr(error, "report", ""))
        return _sentence(error)

    doors.serve_named(paths, settings, command, handover, terminal.say, complain)


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
        near = "".join(
            f"; did you mean {flag}?" for flag in (error.possibilities or [])
        )
        _complain(f"there is no flag {error.option_name}{near or ': see --help'}", name)
        sys.exit(2)
    except click.ClickException as error:
        _complain(error.format_message(), name)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except ChannelShimError as error:
        _complain(str(error), name, getattr(error, "report", ""))
        sys.exit(1)


def _complain(sentence: str, name: str, report: str = "") -> None:
    from channelshim.cli.terminal import complain

    complain(sentence, name, report)
