"""`channelshim deploy`: the files of a server for the app in hand."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Final

import click

from channelshim.errors import ConfigurationError

_TARGETS: Final = "systemd, compose, nginx, caddy, haproxy or gunicorn"


@click.command("deploy")
@click.argument("target")
@click.argument("app_dir", default=".")
@click.option(
    "--output",
    metavar="FOLDER",
    help="Where to write  [default: deploy here; never in the app's folder]",
)
@click.option("--force", is_flag=True, help="Replace files that are there.")
@click.option(
    "--domain",
    metavar="HOST",
    help="What people type, such as chat.example.com  [default: localhost]",
)
@click.option(
    "--login",
    type=click.Choice(["accounts", "oidc", "dev"]),
    help="How people log in; dev lets nobody in from elsewhere  [default: accounts]",
)
@click.option("--admins", metavar="EMAIL,...", help="Who are administrators.")
@click.option("--oidc-issuer", metavar="URL", help="For --login=oidc: the provider.")
@click.option("--oidc-client-id", metavar="ID", help="For --login=oidc: your id there.")
@click.option(
    "--name", help="Of the unit, its user and its folders  [default: the app's id]"
)
@click.option("--user", help="systemd: who runs the server  [default: the name]")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Where the app listens, on localhost  [default: 8080]",
)
@click.option("--certificate", metavar="FILE", help="Of the proxy: PEM, absolute path.")
@click.option("--certificate-key", metavar="FILE", help="Its private key, likewise.")
@click.option(
    "--grow", is_flag=True, default=None, help="compose: with PostgreSQL and Redis."
)
def deploy(
    target: str, app_dir: str, output: str | None, force: bool, **options: Any
) -> None:
    """Write what serves the app in APP_DIR for real people, and say what to do with it.

    TARGET is systemd (a unit for this machine), compose (containers with the app and
    Caddy), nginx, caddy or haproxy (a proxy with https in front), or gunicorn.
    """
    from channelshim.deploy.deployment import TARGETS, make_deployment
    from channelshim.deploy.files import make_files, steps
    from channelshim.deploy.writing import output_folder, write_files

    if target not in TARGETS:
        raise ConfigurationError(f"there is no target {target!r}: choose {_TARGETS}")
    path = _folder(app_dir)
    if options["domain"]:
        options["domain"] = options["domain"].lower()
    if options["admins"] is not None:
        emails = (each.strip() for each in options["admins"].split(","))
        options["admins"] = tuple(filter(None, emails))
    deployment = make_deployment(target, path, options=options, **_facts(path))
    folder = output_folder(output, path, Path.cwd())
    written = write_files(folder, make_files(target, deployment), force=force)
    for each in written:
        click.echo(f"{'kept' if each.is_kept else 'wrote'} {_shown(each.path)}")
    click.echo(f"\n{steps(target, deployment, _shown(folder))}", nl=False)


def _folder(app_dir: str) -> Path:
    """Return the app's folder, absolute; its app.yaml may be named instead."""
    path = Path(os.path.abspath(app_dir))
    if path.name in ("app.yaml", "app.yml") and not path.is_dir():
        return path.parent
    return path


def _facts(path: Path) -> dict[str, Any]:
    """Return what the app's files and this process say.

    Raises:
        ConfigurationError: there is no app.yaml, or it is broken.
    """
    from channelshim.composition.reading import application_id_of, find_file, read_app

    config = read_app(path)
    return {
        "application": application_id_of(path, config, ""),
        "default_name": config.application or path.name,
        "is_python2": config.is_python2,
        "has_cron": find_file(path, "cron") is not None,
        "command": _command(),
        "own_folders": _own_folders(),
    }


def _command() -> tuple[str, ...]:
    script = Path(sys.executable).with_name("channelshim")
    if script.is_file():
        return (str(script),)
    return (sys.executable, "-m", "channelshim")


def _own_folders() -> tuple[Path, ...]:
    """Return where channelshim and its Python are."""
    import channelshim

    package = Path(channelshim.__file__).resolve().parent
    python = Path(sys.executable).resolve().parent
    return (package, python, Path(sys.prefix), Path(sys.base_prefix))


def _shown(path: Path) -> Path:
    """Return a path from the current folder, where it is in there."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
