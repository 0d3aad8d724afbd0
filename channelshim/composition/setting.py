"""What one setting says about itself: type, default, help, unit, choices, bounds."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, slots=True)
class Setting:
    """What a field of Settings says about itself.

    Attributes:
        name: keyword argument; upper-cased behind CHANNELSHIM_ the variable; with
            `--` the flag, underscores or dashes.
        type: bool, int, float or str; a tuple of texts, or a dict of them (NAME=VALUE),
            is written with commas.
        default: its value when nobody says anything.
        help: one sentence.
        group: one of settings.GROUPS.
        unit: of a number; "" for none.
        choices: the words that are taken, in any case; empty for any text.
        low: the least number that is taken.
        high: the largest.
        is_secret: whether it may not stand on a command line, which every user of the
            machine can read.
        is_url: whether that holds for the password in it, if it has one.
    """

    name: str
    type: type
    default: Any
    help: str
    group: str
    unit: str
    choices: tuple[str, ...]
    low: float
    high: float
    is_secret: bool
    is_url: bool

    @property
    def is_switch(self) -> bool:
        """Whether yes and no, in all their spellings, are among its values."""
        return self.type is bool or "yes" in self.choices


def setting(
    default: Any,
    sentence: str,
    group: str,
    *,
    unit: str = "",
    low: float = -math.inf,
    high: float = math.inf,
    is_secret: bool = False,
    is_url: bool = False,
) -> Any:
    """Return a dataclass field; see Setting. What is secret is not in the repr."""
    facts = {
        "help": sentence,
        "group": group,
        "unit": unit,
        "low": low,
        "high": high,
        "is_secret": is_secret,
        "is_url": is_url,
    }
    if default is dict:
        return dataclasses.field(
            default_factory=lambda: MappingProxyType({}), metadata=facts
        )
    is_shown = not (is_secret or is_url)
    return dataclasses.field(default=default, metadata=facts, repr=is_shown)


def describe(settings: type[DataclassInstance]) -> tuple[Setting, ...]:
    """Return the settings of a dataclass whose fields come from `setting`."""
    annotations = typing.get_type_hints(settings)
    return tuple(
        _describe(field, annotations[field.name])
        for field in dataclasses.fields(settings)
        if field.metadata
    )


def _describe(field: dataclasses.Field[Any], annotation: Any) -> Setting:
    kind = typing.get_origin(annotation) or annotation
    choices = typing.get_args(annotation) if kind is Literal else ()
    has_default = field.default is not dataclasses.MISSING
    return Setting(
        field.name,
        {Mapping: dict, Literal: str}.get(kind, kind),
        field.default if has_default else {},
        choices=choices,
        **field.metadata,
    )
