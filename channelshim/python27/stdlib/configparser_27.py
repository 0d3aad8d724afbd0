"""ConfigParser: the three parsers, as lenient as they were."""

from __future__ import annotations

import configparser
from typing import Any, Final

from channelshim.python27.helpers.text import str27
from channelshim.python27.strings import STRINGS, to_text

__all__ = [
    *("RawConfigParser", "ConfigParser", "SafeConfigParser", "Error"),
    *("NoSectionError", "NoOptionError", "DuplicateSectionError"),
    *("InterpolationError", "InterpolationDepthError", "InterpolationSyntaxError"),
    *("InterpolationMissingOptionError", "ParsingError", "MissingSectionHeaderError"),
    *("DEFAULTSECT", "MAX_INTERPOLATION_DEPTH"),
]

Error = configparser.Error
NoSectionError = configparser.NoSectionError
NoOptionError = configparser.NoOptionError
DuplicateSectionError = configparser.DuplicateSectionError
InterpolationError = configparser.InterpolationError
InterpolationDepthError = configparser.InterpolationDepthError
InterpolationSyntaxError = configparser.InterpolationSyntaxError
InterpolationMissingOptionError = configparser.InterpolationMissingOptionError
ParsingError = configparser.ParsingError
MissingSectionHeaderError = configparser.MissingSectionHeaderError
DEFAULTSECT: Final = configparser.DEFAULTSECT
MAX_INTERPOLATION_DEPTH: Final = configparser.MAX_INTERPOLATION_DEPTH


class RawConfigParser(configparser.RawConfigParser):
    """Reads and writes settings, by section."""

    _interpolation_class: Any = configparser.Interpolation

    def __init__(
        self,
        defaults: Any = None,
        dict_type: Any = dict,
        allow_no_value: Any = False,
    ) -> None:
        super().__init__(
            None,
            dict_type,
            bool(allow_no_value),
            strict=False,
            comment_prefixes=("#", ";"),
            inline_comment_prefixes=(";",),
            empty_lines_in_values=True,
            interpolation=self._interpolation_class(),
            default_section=DEFAULTSECT,
        )
        for key, value in (defaults or {}).items():
            self._defaults[self.optionxform(key)] = value  # type: ignore[attr-defined]

    def readfp(self, fp: Any, filename: Any = None) -> None:
        """Read settings from a file object."""
        if filename is None:
            filename = getattr(fp, "name", "<???>")
        self._read(map(to_text, fp), filename)  # type: ignore[attr-defined]

    def read(self, filenames: Any, encoding: Any = None) -> list[Any]:
        """Read settings from files; those that are missing are left out."""
        if isinstance(filenames, STRINGS):
            filenames = [filenames]
        read = []
        for name in filenames:
            try:
                with open(name, encoding="utf-8", errors="surrogateescape") as file:
                    self._read(file, name)  # type: ignore[attr-defined]
            except OSError:
                continue
            read.append(name)
        return read

    def get(  # type: ignore[override]
        self,
        section: Any,
        option: Any,
        raw: Any = False,
        vars: Any = None,
        fallback: Any = configparser._UNSET,  # type: ignore[attr-defined]
    ) -> Any:
        """Return a setting's text."""
        if vars is not None:
            vars = dict(vars)
        return super().get(section, option, raw=bool(raw), vars=vars, fallback=fallback)

    def _get(self, section: Any, conv: Any, option: Any) -> Any:
        return conv(self.get(section, option))

    def getint(self, section: Any, option: Any) -> int:  # type: ignore[override]
        """Return a setting as a number."""
        return int(self.get(section, option))

    def getfloat(self, section: Any, option: Any) -> float:  # type: ignore[override]
        """Return a setting as a float."""
        return float(self.get(section, option))

    def getboolean(self, section: Any, option: Any) -> bool:  # type: ignore[override]
        """Return a setting as a truth value."""
        value = self.get(section, option)
        known = {
            **dict.fromkeys(("1", "yes", "true", "on"), True),
            **dict.fromkeys(("0", "no", "false", "off"), False),
        }
        if value.lower() not in known:
            raise ValueError(f"Not a boolean: {value}")
        return known[value.lower()]

    def items(self, section: Any, raw: Any = False, vars: Any = None) -> Any:  # type: ignore[override]
        """Return a section's settings as pairs."""
        return list(super().items(section, raw=bool(raw), vars=vars))

    def set(self, section: Any, option: Any, value: Any = None) -> None:
        """Set a setting, to any value."""
        if not section or section == DEFAULTSECT:
            target = self._defaults  # type: ignore[attr-defined]
        else:
            try:
                target = self._sections[section]  # type: ignore[attr-defined]
            except KeyError:
                raise NoSectionError(section) from None
        target[self.optionxform(option)] = value

    def add_section(self, section: Any) -> None:
        """Add a section."""
        if to_text(section).lower() == "default":
            raise ValueError(f"Invalid section name: {section}")
        super().add_section(section)

    def optionxform(self, optionstr: Any) -> Any:
        """Return a setting's name in the form that counts."""
        return optionstr.lower()

    def write(self, fp: Any, space_around_delimiters: bool = True) -> None:
        """Write all settings."""
        if self._defaults:  # type: ignore[attr-defined]
            fp.write(f"[{DEFAULTSECT}]\n")
            _write_options(fp, self._defaults)  # type: ignore[attr-defined]
        for section, options in self._sections.items():  # type: ignore[attr-defined]
            fp.write(f"[{section}]\n")
            _write_options(fp, options)


def _write_options(fp: Any, options: Any) -> None:
    for key, value in options.items():
        if key == "__name__":
            continue
        if value is None:
            fp.write(f"{key}\n")
            continue
        text = to_text(str27(value)).replace("\n", "\n\t")
        fp.write(f"{key} = {text}\n")
    fp.write("\n")


class _PercentInterpolation(configparser.BasicInterpolation):
    """`%(name)s`, and any other percent sign as it is."""

    def before_get(
        self, parser: Any, section: Any, option: Any, value: Any, defaults: Any
    ) -> Any:
        """Fill in the other settings that a value names."""
        if not isinstance(value, str):
            return value
        raw, depth = value, MAX_INTERPOLATION_DEPTH
        while depth and "%(" in value:
            depth -= 1
            names = _LowerKeys(parser, defaults)
            try:
                value = value % names
            except KeyError as error:
                raise InterpolationMissingOptionError(
                    option, section, raw, error.args[0]
                ) from error
        if value and "%(" in value:
            raise InterpolationDepthError(option, section, raw)
        return value

    def before_set(self, parser: Any, section: Any, option: Any, value: Any) -> Any:
        """Take any value."""
        return value


class _LowerKeys:
    def __init__(self, parser: Any, values: Any) -> None:
        self._parser = parser
        self._values = values

    def __getitem__(self, key: Any) -> Any:
        return self._values[self._parser.optionxform(key)]


class ConfigParser(RawConfigParser):
    """Settings that name other settings."""

    _interpolation_class: Any = _PercentInterpolation


class _SafeInterpolation(configparser.BasicInterpolation):
    def before_get(
        self, parser: Any, section: Any, option: Any, value: Any, defaults: Any
    ) -> Any:
        """Fill in the other settings that a value names."""
        if not isinstance(value, str):
            return value
        return super().before_get(parser, section, option, value, defaults)


class SafeConfigParser(ConfigParser):
    """Settings that name other settings, with %% for a percent sign."""

    _interpolation_class = _SafeInterpolation

    def set(self, section: Any, option: Any, value: Any = None) -> None:
        """Set a setting to a string.

        Raises:
            TypeError: it is no string.
            ValueError: a percent sign that names nothing.
        """
        if value is None and self._allow_no_value:  # type: ignore[attr-defined]
            super().set(section, option, value)
            return
        if not isinstance(value, STRINGS):
            raise TypeError("option values must be strings")
        text = to_text(value)
        bare = text.replace("%%", "")
        bare = configparser.BasicInterpolation._KEYCRE.sub("", bare)  # type: ignore[attr-defined]
        if "%" in bare:
            raise ValueError(f"invalid interpolation syntax in {text!r}")
        super().set(section, option, text)
