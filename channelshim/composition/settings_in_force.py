"""Every setting as the console shows it: its value as text, and who said it."""

from __future__ import annotations

from typing import Any

from channelshim.composition.setting import Setting
from channelshim.composition.settings import SETTINGS, Settings
from channelshim.console import sources as records
from channelshim.contracts import server_urls


def settings_in_force(settings: Settings) -> list[records.Setting]:
    """Return every setting as text, with who said it; of secrets no value."""
    return [
        records.Setting(
            each.name,
            _shown(each, getattr(settings, each.name)),
            _text(each.default, is_secret=each.is_secret),
            settings.origins.get(each.name, "default"),
            each.group,
            each.help,
            each.unit,
        )
        for each in SETTINGS
    ]


def _shown(setting: Setting, value: Any) -> str:
    if setting.is_url and value:
        return server_urls.shown(str(value))
    return _text(value, is_secret=setting.is_secret)


def _text(value: Any, *, is_secret: bool) -> str:
    if is_secret:
        return "set" if value else ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(value)
    if hasattr(value, "items"):
        # A variable of an app may hold a password.
        return ", ".join(f"{name}=..." for name in value)
    return str(value)
