"""Deployments for the tests, made as the command makes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from channelshim.deploy.deployment import Deployment, make_deployment

DOMAIN = "chat.example.com"


def deployment(
    target: str = "systemd",
    app_dir: Path = Path("/srv/chat"),
    facts: dict[str, Any] | None = None,
    **options: Any,
) -> Deployment:
    """Return a deployment of an app named chat.

    Args:
        target: whose files it is for.
        app_dir: of the app.
        facts: attributes that no option has.
        **options: of the command.
    """
    return make_deployment(
        target, app_dir, "chat-1a2b", "chat", options, **(facts or {})
    )
