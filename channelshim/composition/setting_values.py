"""Reads settings: keyword arguments over CHANNELSHIM_* variables over defaults."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from channelshim.composition.setting import Setting
from channelshim.composition.settings import PREFIX, SETTINGS, Settings
from channelshim.errors import ConfigurationError

_BY_NAME = {setting.name: setting for setting in SETTINGS}
_NEXT_PAIR = re.compile(r",(?=\s*[A-Za-z_]\w*=)")

ARGUMENT = "a flag or argument"
"""Who said a setting that no variable has."""

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off", ""})


def read_settings(
    arguments: Mapping[str, Any], variables: Mapping[str, str]
) -> Settings:
    """Return the settings: arguments over CHANNELSHIM_* variables over defaults.

    Args:
        arguments: keyword arguments or flags; a None counts as not given.
        variables: the process's environment.

    Raises:
        ConfigurationError: an unknown name, a value of the wrong type, a word that is
            no choice, or a number out of bounds.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for variable, text in variables.items():
        if variable.startswith(PREFIX):
            setting = _BY_NAME.get(variable[len(PREFIX) :].lower())
            if setting is not None:
                values[setting.name] = parse(setting, text, variable)
                origins[setting.name] = variable
            elif not variable.startswith(PREFIX + "TESTS_") and variable != (
                PREFIX + "REQUIRE"
            ):
                variables_known = [PREFIX + name.upper() for name in _BY_NAME]
                raise ConfigurationError(
                    f"there is no setting for {variable}"
                    f"{_hint(variable, variables_known)}: correct or unset it"
                )
    for name, value in arguments.items():
        if value is None:
            continue
        if name not in _BY_NAME:
            raise ConfigurationError(
                f"there is no setting {name!r}{_hint(name, _BY_NAME)}"
            )
        values[name] = parse(_BY_NAME[name], value, name)
        origins[name] = ARGUMENT
    for name, value in values.items():
        if name.endswith("_file") and value:
            # Some are read after the working directory has become the app's.
            values[name] = os.path.abspath(os.path.expanduser(value))
    return Settings(**values, origins=MappingProxyType(origins))


def _hint(name: str, known: Iterable[str]) -> str:
    """Return the nearest known name as a question, or where all names are."""
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    return "; channelshim serve --help has the names"


def parse(setting: Setting, value: Any, source: str) -> Any:
    """Return value as the setting's type; texts of variables and flags included.

    Args:
        setting: which one.
        value: from a keyword argument, a variable or a flag.
        source: the name under which the user gave it, for the error.

    Raises:
        ConfigurationError: it cannot be read so, is no choice, or is out of bounds.
    """
    if setting.type is bool:
        return _parse_bool(value, source)
    if setting.type is tuple:
        return _parse_texts(value, source)
    if setting.type is dict:
        return MappingProxyType(_parse_pairs(value, source))
    if setting.type is str:
        return _parse_text(setting, value, source)
    return _parse_number(setting, value, source)


def _parse_number(setting: Setting, value: Any, source: str) -> int | float:
    try:
        # int(3.9) would be 3, and True a number.
        is_number = isinstance(value, (int, str)) or setting.type is float
        if not is_number or isinstance(value, bool):
            raise ValueError
        number: int | float = setting.type(value)
    except (TypeError, ValueError):
        kind = "a whole number" if setting.type is int else "a number"
        raise ConfigurationError(f"{source} must be {kind}, not {value!r}") from None
    # NaN is in no order.
    if not setting.low <= number <= setting.high or math.isinf(number):
        raise ConfigurationError(f"{source} must be {bounds(setting)}, not {value!r}")
    return number


def bounds(setting: Setting) -> str:
    """Return which numbers a setting takes, in words."""
    unit = f" {setting.unit}" if setting.unit else ""
    low, high = f"{setting.low:,.10g}", f"{setting.high:,.10g}"
    if math.isinf(setting.high):
        return f"at least {low}{unit}"
    return f"from {low} to {high}{unit}"


def _parse_text(setting: Setting, value: Any, source: str) -> str:
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    if setting.is_switch and str(value).strip().lower() not in setting.choices:
        try:
            return "yes" if _parse_bool(value, source) else "no"
        except ConfigurationError:
            pass
    if not isinstance(text, str):
        raise ConfigurationError(f"{source} must be text, not {value!r}")
    if not setting.choices:
        return text
    word = text.strip().lower()
    if word not in setting.choices:
        *others, last = setting.choices
        raise ConfigurationError(
            f"{source} must be {', '.join(others)} or {last}, not {value!r}"
        )
    return word


def _parse_texts(value: Any, source: str) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    try:
        texts = tuple(value)
    except TypeError:
        texts = (None,)
    if not all(isinstance(text, str) for text in texts):
        raise ConfigurationError(f"{source} must be several texts, not {value!r}")
    return texts


def _parse_pairs(value: Any, source: str) -> dict[str, str]:
    if isinstance(value, Mapping):
        return {str(name): str(text) for name, text in value.items()}
    if isinstance(value, str):
        # A comma within a value does not end it, unless NAME= follows.
        value = _NEXT_PAIR.split(value) if value.strip() else ()
    pairs = {}
    for text in value:
        name, equals, rest = text.lstrip().partition("=")
        if not name or not equals:
            raise ConfigurationError(f"{source} must be NAME=VALUE, not {text!r}")
        pairs[name] = rest
    return pairs


def _parse_bool(value: Any, source: str) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in TRUE_WORDS:
        return True
    if text in FALSE_WORDS:
        return False
    raise ConfigurationError(f"{source} must be yes or no, not {value!r}")
