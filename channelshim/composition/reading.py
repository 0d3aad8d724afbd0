"""What an app's folder says: app.yaml, queue.yaml and the like, read once."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from channelshim.appyaml.app import parse_app
from channelshim.appyaml.config import AppConfig
from channelshim.appyaml.cron import CronConfig, parse_cron
from channelshim.appyaml.index_file import check_indexes
from channelshim.appyaml.nodes import parse_yaml
from channelshim.appyaml.queues import QueueConfig, parse_queues
from channelshim.errors import ConfigurationError
from channelshim.runtime.notices import NOTICES

if TYPE_CHECKING:
    from channelshim.appyaml.dispatch import DispatchConfig

_logger: Final = logging.getLogger("channelshim.composition")

T = TypeVar("T")

ENDINGS: Final = (".yaml", ".yml")
_READ_ANYWAY: Final = frozenset({"cron", "queue", "index", "dos", "backends"})
"""Files of an app's folder that a command need not name."""


@dataclass(frozen=True, slots=True)
class ModuleFolder:
    """A module whose files are in another folder than the app's.

    Attributes:
        config: its app.yaml.
        directory: absolute.
    """

    config: AppConfig
    directory: Path


@dataclass(frozen=True, slots=True)
class App:
    """An app's folder, as its files describe it.

    Attributes:
        directory: absolute; the working directory changes when the app is loaded.
        config: app.yaml; None for a plain WSGI app without one.
        queues: queue.yaml.
        cron: cron.yaml.
        modules: further modules of the folder that are served with it.
        dispatch: dispatch.yaml, where it was named; None where not.
        order: the modules' names as the command names them; empty for one module.
        elsewhere: modules of other folders, which run in processes of their own.
    """

    directory: Path
    config: AppConfig | None
    queues: QueueConfig
    cron: CronConfig
    modules: tuple[AppConfig, ...] = ()
    dispatch: DispatchConfig | None = None
    order: tuple[str, ...] = ()
    elsewhere: tuple[ModuleFolder, ...] = ()

    @property
    def is_divided(self) -> bool:
        """Return whether it takes more than one port to serve it."""
        return bool(self.modules or self.elsewhere) or self.dispatch is not None

    @property
    def folders(self) -> tuple[Path, ...]:
        """Return the folders of all modules, the app's own first."""
        others = dict.fromkeys(each.directory for each in self.elsewhere)
        return (self.directory, *others)

    @property
    def first_folder(self) -> Path:
        """Return the folder of the module that the command names first."""
        for each in self.elsewhere:
            if each.config.module == self.order[0]:
                return each.directory
        return self.directory

    def ids(self, setting: str) -> set[str]:
        """Return all ids that the app can have, by what the command names first.

        Args:
            setting: see `application_id_of`.
        """
        if self.config is None or self.config.module == DEFAULT_MODULE:
            return {application_id_of(self.directory, self.config, setting)}
        own = (ModuleFolder(each, self.directory) for each in self.modules)
        named = (ModuleFolder(self.config, self.directory), *own, *self.elsewhere)
        return {
            application_id_of(each.directory, each.config, setting) for each in named
        }

    def part(self, directory: Path) -> App:
        """Return the app as a process sees it that runs the modules of one folder.

        Args:
            directory: one of `folders`.
        """
        if directory == self.directory or self.config is None:
            return self
        own = [each.config for each in self.elsewhere if each.directory == directory]
        others = [
            ModuleFolder(config, self.directory)
            for config in (self.config, *self.modules)
        ]
        others += [each for each in self.elsewhere if each.directory != directory]
        return replace(
            self,
            directory=directory,
            config=own[0],
            modules=tuple(own[1:]),
            elsewhere=tuple(others),
        )


def read_folder(
    directory: Path, *, needs_app_yaml: bool, runs_cron: bool = False
) -> App:
    """Return what the files in an app's folder say.

    Args:
        directory: the folder.
        needs_app_yaml: whether there must be one.
        runs_cron: whether a cron.yaml that cannot be read is an error; otherwise it is
            one warning, since nothing is made of it.

    Raises:
        ConfigurationError: a file is missing or cannot be read; names the line.
    """
    directory = directory.absolute()
    has_app_yaml = needs_app_yaml or find_file(directory, "app") is not None
    config = read_app(directory) if has_app_yaml else None
    if find_file(directory, "dispatch") is not None:
        sentence = "dispatch.yaml counts when the command names it, as it was"
        NOTICES.warn(_logger, sentence, logging.INFO)
    return _with_siblings(directory, config, runs_cron=runs_cron)


def read_named(paths: Sequence[Path], *, runs_cron: bool = False) -> App:
    """Return what the files say that a command names.

    Args:
        paths: folders with an app.yaml, files like it, and perhaps dispatch.yaml.
        runs_cron: see `read_folder`.

    Raises:
        ConfigurationError: a file is missing or cannot be read, or modules do not fit
            together; names the file.
    """
    if len(paths) == 1 and paths[0].is_dir():
        return read_folder(paths[0], needs_app_yaml=True, runs_cron=runs_cron)
    found: list[ModuleFolder] = []
    # A folder may be named in several ways.
    folders: dict[Path, Path] = {}
    dispatch: DispatchConfig | None = None
    for path in paths:
        if path.is_dir() or not path.name.endswith(ENDINGS):
            folder = folders.setdefault(path.resolve(), path.absolute())
            found.append(ModuleFolder(read_app(path), folder))
        elif path.stem in _READ_ANYWAY:
            sentence = f"{path} is read from the app's folder anyway"
            NOTICES.warn(_logger, sentence, logging.INFO)
        elif _is_dispatch(path):
            dispatch = _read_dispatch(path)
        else:
            own = path.absolute().parent
            folder = folders.setdefault(own.resolve(), own)
            found.append(ModuleFolder(_read_config(path, own), folder))
    _check_modules(found)
    order = tuple(each.config.module for each in found)
    found.sort(key=lambda each: each.config.module != DEFAULT_MODULE)
    directory = found[0].directory
    app = _with_siblings(directory, found[0].config, runs_cron=runs_cron)
    modules = [each.config for each in found if each.directory == directory]
    return replace(
        app,
        modules=tuple(modules[1:]),
        dispatch=dispatch,
        order=order,
        elsewhere=tuple(each for each in found if each.directory != directory),
    )


def _read_dispatch(path: Path) -> DispatchConfig:
    # Few apps have one.
    from channelshim.appyaml.dispatch import DispatchConfig, parse_dispatch

    return _read(path, parse_dispatch, DispatchConfig())


DEFAULT_MODULE: Final = "default"


def _check_modules(found: Sequence[ModuleFolder]) -> None:
    if not found:
        raise ConfigurationError(
            "no app is named: name the folder of an App Engine app, or its app.yaml"
        )
    firsts: dict[Path, AppConfig] = {}
    for config, directory in ((each.config, each.directory) for each in found):
        first = firsts.setdefault(directory, config)
        if config.is_python2 != first.is_python2:
            raise ConfigurationError(
                f"{config.path} asks for {config.runtime} and {first.path} for "
                f"{first.runtime}: the modules of one folder are in one Python"
            )
    configs = [each.config for each in found]
    names = [config.module for config in configs]
    for position, config in enumerate(configs):
        if config.module in names[:position]:
            other = configs[names.index(config.module)]
            raise ConfigurationError(
                f"{other.path} and {config.path} are both the module {config.module}: "
                "say another one behind `module:` in one of them"
            )


def _is_dispatch(path: Path) -> bool:
    if path.stem == "dispatch":
        return True
    try:
        root = parse_yaml(path.read_text(encoding="utf-8-sig"), str(path))
    except (OSError, UnicodeDecodeError, ConfigurationError):
        # Whoever reads it says what is wrong.
        return False
    keys = {key for key, _ in root.pairs(str(path))} if root.is_mapping() else set()
    return "dispatch" in keys and "handlers" not in keys and "runtime" not in keys


def _with_siblings(
    directory: Path, config: AppConfig | None, *, runs_cron: bool
) -> App:
    queues = _read(_sibling(directory, "queue"), parse_queues, QueueConfig())
    path = _sibling(directory, "cron")
    try:
        cron = _read(path, parse_cron, CronConfig())
    except ConfigurationError as error:
        if runs_cron:
            raise
        sentence = f"cron jobs are off, and could not run: {error}"
        NOTICES.warn(_logger, sentence)
        cron = CronConfig()
    try:
        _read(_sibling(directory, "index"), check_indexes, None)
    except ConfigurationError as error:
        NOTICES.warn(_logger, str(error))
    return App(directory, config, queues, cron)


def empty_app(directory: Path) -> App:
    """Return an app's folder whose files say nothing: they cannot be read."""
    return App(directory.absolute(), None, QueueConfig(), CronConfig())


def find_file(directory: Path, stem: str) -> Path | None:
    """Return the YAML file of a name, by either ending; None when there is none.

    Raises:
        ConfigurationError: there are both.
    """
    found = [
        directory / f"{stem}{ending}"
        for ending in ENDINGS
        if (directory / f"{stem}{ending}").is_file()
    ]
    if len(found) > 1:
        raise ConfigurationError(
            f"{directory} has both {found[0].name} and {found[1].name}: delete one"
        )
    return found[0] if found else None


def _sibling(directory: Path, stem: str) -> Path:
    return find_file(directory, stem) or directory / f"{stem}.yaml"


def _read(path: Path, parse: Callable[..., T], missing: T) -> T:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return missing
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"it cannot be read: {error}", path=str(path)
        ) from None
    return parse(text, path=str(path))


def read_app(directory: Path) -> AppConfig:
    """Return what app.yaml in directory says.

    Raises:
        ConfigurationError: there is none, or it cannot be read; names the line.
    """
    if not directory.is_dir():
        raise ConfigurationError(f"{directory} is not a folder")
    path = find_file(directory, "app")
    if path is None:
        raise ConfigurationError(
            f"there is no app.yaml in {directory.resolve()}: name the folder of an App "
            "Engine app, or make one with: channelshim init DIR"
        )
    return _read_config(path, directory)


def _read_config(path: Path, directory: Path) -> AppConfig:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigurationError(f"there is no file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"it cannot be read: {error}", path=str(path)
        ) from None
    return parse_app(text, path=str(path), read=_reader(directory))


def _reader(directory: Path) -> Callable[[str], str | None]:
    def read(name: str) -> str | None:
        path = directory / name
        if path.is_dir():
            path = find_file(path, "include") or path / "include.yaml"
        try:
            return path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError):
            return None

    return read


def application_id_of(directory: Path, config: AppConfig | None, setting: str) -> str:
    """Return the id of the app and of its store (docs/explanation/store.md).

    What a setting says, else app.yaml's `application`, else the folder's name and a
    hash of its real path.
    """
    if setting:
        return setting
    if config is not None and config.application:
        return config.application
    real = directory.resolve()
    name = re.sub(r"[^a-z0-9-]+", "-", real.name.lower()).strip("-") or "app"
    digest = hashlib.sha256(os.fsencode(real)).hexdigest()[:8]
    return f"{name[:20]}-{digest}"
