"""webapp2_extras.config: defaults module by module, before webapp2 had its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

DEFAULT_VALUE: Final = object()
REQUIRED_VALUE: Final = object()


class Config(dict[str, dict[str, Any]]):
    """Values by module and key, over the defaults of modules.

    Args:
        values: by module.
        defaults: by module.
    """

    def __init__(
        self,
        values: Mapping[str, Mapping[str, Any]] | None = None,
        defaults: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        super().__init__()
        for module, given in (defaults or {}).items():
            self.setdefault(module, given)
        for module, given in (values or {}).items():
            self.setdefault(module, {})
            super().__getitem__(module).update(given)

    def setdefault(self, module: str, values: Any = None) -> dict[str, Any]:
        """Give a module values for keys that have none."""
        own = super().setdefault(module, {})
        for key, value in (values or {}).items():
            own.setdefault(key, value)
        return own

    def get_config(
        self, module: str, key: str | None = None, default: Any = REQUIRED_VALUE
    ) -> Any:
        """Return a value, or all of a module.

        Raises:
            KeyError: there is none, and no default.
        """
        values: Any = super().get(module)
        if key is None and values is not None:
            return values
        if values is not None and key in values:
            if values[key] is not REQUIRED_VALUE:
                return values[key]
        elif default is not REQUIRED_VALUE:
            return default
        raise KeyError(f"the configuration of {module} has no {key or 'value'}")
