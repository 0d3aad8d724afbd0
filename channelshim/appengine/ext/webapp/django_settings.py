"""Settings for Django's templates in an app that has none.

The SDK's webapp.template called `settings.configure()` when it was imported, so dates,
numbers and `{% now %}` worked in every app. Here Django stays unconfigured, and its
settings answer with defaults for as long: an app that configures Django itself, before
or after, by a call or by DJANGO_SETTINGS_MODULE, finds nothing in its way.
"""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any, Final

from django.apps import apps
from django.conf import (
    ENVIRONMENT_VARIABLE,
    LazySettings,
    UserSettingsHolder,
    global_settings,
    settings,
)
from django.utils import formats, timezone, translation
from django.utils.functional import empty

_SECRET: Final = "SECRET_KEY"
"""Has no default: Django refuses to sign with an empty one."""

_DEFAULTS: Final = SimpleNamespace(
    **{
        **{name: getattr(global_settings, name) for name in dir(global_settings)},
        # As Django was in the SDK, on machines whose clocks showed UTC.
        "USE_I18N": False,
        "USE_L10N": False,
        "USE_TZ": False,
        "TIME_ZONE": "UTC",
    }
)

_have_defaults_been_used = False


def install() -> None:
    """Let Django's settings answer while nobody has configured them. Idempotent."""
    if getattr(LazySettings, "_channelshim", False):
        return
    LazySettings._channelshim = True
    plain_get = LazySettings.__getattr__
    plain_setup = LazySettings._setup

    def get(self: Any, name: str) -> Any:
        if self is not settings or _is_configured() or name == _SECRET:
            return plain_get(self, name)
        global _have_defaults_been_used
        _have_defaults_been_used = True
        return getattr(_DEFAULTS, name)

    def setup(self: Any, name: str | None = None) -> None:
        # Somebody sets a single setting, as one may in the SDK; or asks for the secret.
        if self is not settings or _is_configured() or name == _SECRET:
            plain_setup(self, name)
        else:
            self._wrapped = UserSettingsHolder(_DEFAULTS)

    LazySettings.__getattr__ = get
    LazySettings._setup = setup


def prepare() -> None:
    """Make Django ready to render; call it before each template.

    Django then asks again for remembered defaults that an app has replaced since.
    """
    global _have_defaults_been_used
    if not _is_configured():
        return
    if _have_defaults_been_used:
        _have_defaults_been_used = False
        timezone.get_default_timezone.cache_clear()
        translation._trans.__dict__.clear()
        formats.reset_format_cache()
    if not apps.ready:
        # Translations need that, and an app of that time knows no django.setup().
        apps.populate(settings.INSTALLED_APPS)


def context_options() -> dict[str, Any]:
    """Return what a Context is told: the formats of the settings, not of a language.

    USE_L10N was off by default in the Django of the time.
    """
    if not _is_configured():
        return {"use_l10n": False, "use_tz": False}
    return {"use_l10n": has_formats_of_language()}


def text_of_missing_names() -> str:
    """Return what a name prints that no variable has: TEMPLATE_STRING_IF_INVALID."""
    if not _is_configured():
        return ""
    return str(getattr(settings, "TEMPLATE_STRING_IF_INVALID", ""))


def has_formats_of_language() -> bool:
    """Return whether dates and numbers are written as the language's people do."""
    return bool(
        _is_configured() and settings.is_overridden("USE_L10N") and settings.USE_L10N
    )


def is_translated() -> bool:
    """Return whether texts are in another language than English."""
    if not _is_configured() or not settings.USE_I18N:
        return False
    return not (translation.get_language() or "en").startswith("en")


def _is_configured() -> bool:
    """Return whether somebody has configured Django, or has said where to read."""
    return settings._wrapped is not empty or bool(os.environ.get(ENVIRONMENT_VARIABLE))
