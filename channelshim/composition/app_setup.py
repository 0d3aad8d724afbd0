"""What a front tells an app process at its start, as JSON over the socket.

Not by arguments or variables: other users of the machine read the former, the app and
its children the latter, and there are secrets among the settings.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from channelshim.composition.settings import Settings

AWAY: Final = "away"
"""Behind a failure to load the app: of an outage, which another start may not meet."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the front listens; stands for its listening socket.

    Attributes:
        name: as socket.getsockname says.
    """

    name: tuple[Any, ...]

    def getsockname(self) -> tuple[Any, ...]:
        """Return the address."""
        return self.name


@dataclass(frozen=True, slots=True)
class AppSetup:
    """What an app process is to be.

    Attributes:
        number: of the process, from 1.
        settings: the front's, with its application id and its store's folder.
        paths: what the command names, absolute.
        addresses: where the front listens.
        minor_version: the same in all processes that run the same code.
        program: for sys.argv.
        folder: whose modules it runs: its place in reading.App.folders.
        instance: which one it is of those that run the same.
        warned: digests of what the front has warned of; see runtime.notices.
    """

    number: int
    settings: Settings
    paths: tuple[str, ...]
    addresses: tuple[Address, ...]
    minor_version: str
    program: str
    folder: int = 0
    instance: int = 0
    warned: tuple[str, ...] = ()

    def to_json(self) -> bytes:
        """Return it as bytes."""
        settings = {
            field.name: _plain(getattr(self.settings, field.name))
            for field in dataclasses.fields(Settings)
        }
        facts = {
            "number": self.number,
            "settings": settings,
            "paths": self.paths,
            "addresses": [each.name for each in self.addresses],
            "minor_version": self.minor_version,
            "program": self.program,
            "folder": self.folder,
            "instance": self.instance,
            "warned": self.warned,
        }
        return json.dumps(facts).encode("ascii")

    @classmethod
    def of_json(cls, text: bytes) -> AppSetup:
        """Return what `to_json` has written."""
        facts = json.loads(text)
        settings = {name: _frozen(value) for name, value in facts["settings"].items()}
        return cls(
            facts["number"],
            Settings(**settings),
            tuple(facts["paths"]),
            tuple(Address(tuple(each)) for each in facts["addresses"]),
            facts["minor_version"],
            facts["program"],
            facts["folder"],
            facts["instance"],
            tuple(facts.get("warned", ())),
        )


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    return MappingProxyType(value) if isinstance(value, dict) else value
