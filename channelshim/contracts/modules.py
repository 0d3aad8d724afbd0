"""The modules of an app that run in this process."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunningModule:
    """One module, with its one version.

    Attributes:
        name: "default" or another.
        version: of its app.yaml.
        host: where it listens, with the port; "" when another server's listener is its
            own, and only a request tells.
        has_instances: whether they stay, by `manual_scaling:` or `basic_scaling:`.
    """

    name: str = "default"
    version: str = "1"
    host: str = ""
    has_instances: bool = False
