"""The settings as flags of a command, in groups, with their defaults and bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import click

from channelshim.composition.setting import Setting
from channelshim.composition.setting_values import bounds
from channelshim.composition.settings import GROUPS, PREFIX, SETTINGS
from channelshim.contracts.server_urls import has_password
from channelshim.errors import ConfigurationError

_EPILOG: Final = (
    "A flag may have dashes in place of underscores. Each setting can also come from a "
    "variable: CHANNELSHIM_PORT for --port. Flags of the old dev_appserver.py are "
    "taken too."
)


class SettingOption(click.Option):
    """A flag for one setting.

    Args:
        setting: which one.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        names = dict.fromkeys(
            [f"--{setting.name}", "--" + setting.name.replace("_", "-")]
        )
        # None means "not given": the variable or the default holds then.
        facts: dict[str, Any] = {"default": None, "help": _sentence(setting)}
        if setting.is_secret:
            # Known, so that whoever gives it is told what to do instead.
            facts.update(hidden=True, callback=_refuse_secret)
        elif setting.is_url:
            facts.update(callback=_refuse_password)
        elif setting.is_switch:
            facts.update(is_flag=False, flag_value="yes")
        elif setting.type in (tuple, dict):
            take = _take_pairs if setting.type is dict else _take_texts
            facts.update(multiple=True, callback=take)
        super().__init__([*names, setting.name], metavar=_metavar(setting), **facts)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the flag and its help, in one spelling."""
        record = super().get_help_record(ctx)
        if record is None:
            return None
        return f"--{self.setting.name} {self.metavar}", record[1]


class SettingsCommand(click.Command):
    """A command whose help shows its settings under their headings.

    Attributes:
        settings: those that are flags of this command.
    """

    settings: Sequence[Setting] = ()

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return all parameters; flags are made when the command is first run."""
        # There are hundreds, for a dozen commands of which one is run.
        settings, self.settings = self.settings, ()
        self.params += [SettingOption(each) for each in settings]
        return super().get_params(ctx)

    def format_options(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write one section for each group of settings, and one for the rest."""
        sections: dict[str, list[tuple[str, str]]] = {name: [] for name in GROUPS}
        rest: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            if isinstance(parameter, SettingOption):
                sections[parameter.setting.group].append(record)
            else:
                rest.append(record)
        for title, records in {**sections, "Other options": rest}.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def with_settings(*names: str) -> Callable[[click.Command], click.Command]:
    """Return a decorator that gives a SettingsCommand the flags of settings.

    Args:
        *names: of the settings; none means all.
    """
    chosen = [each for each in SETTINGS if not names or each.name in names]

    def add(command: click.Command) -> click.Command:
        assert isinstance(command, SettingsCommand)
        command.settings = chosen
        command.epilog = _EPILOG
        return command

    return add


def _metavar(setting: Setting) -> str:
    if setting.is_switch or setting.choices:
        words = setting.choices or ("yes", "no")
        return f"[{'|'.join(words)}]"
    if setting.type is dict:
        return "NAME=VALUE"
    if setting.type is tuple:
        return "VALUE,..."
    if setting.type is str:
        return "TEXT"
    return "NUMBER"


def _sentence(setting: Setting) -> str:
    """Return the help, with the default and which numbers are taken."""
    default = setting.default
    if isinstance(default, bool):
        default = "yes" if default else "no"
    facts = [] if default in ("", (), {}) else [f"default: {default}"]
    is_number = setting.type in (int, float)
    if is_number and not (math.isinf(setting.low) and math.isinf(setting.high)):
        facts.append(bounds(setting))
    return f"{setting.help}  [{'; '.join(facts)}]" if facts else setting.help


def _refuse_secret(_: click.Context, option: click.Parameter, value: Any) -> None:
    # Several may be given: none are an empty tuple.
    if value:
        name = str(option.name)
        raise ConfigurationError(
            f"--{name} would show to every user of this machine, in its list of "
            f"processes: set {PREFIX}{name.upper()}, or write the secrets into a file "
            f"for --{name}_file, one a line"
        )


def _refuse_password(_: click.Context, option: click.Parameter, value: Any) -> Any:
    if value and has_password(value):
        name = str(option.name)
        raise ConfigurationError(
            f"the password in --{name} would show to every user of this machine, in "
            f"its list of processes: set {PREFIX}{name.upper()}, or write the URL into "
            f"a file for --{name}_file"
        )
    return value


def _take_texts(_: click.Context, __: Any, values: tuple[str, ...]) -> str | None:
    return ",".join(values) if values else None


def _take_pairs(_: click.Context, __: Any, values: tuple[str, ...]) -> Any:
    # Each is one pair, commas and all.
    return values or None
