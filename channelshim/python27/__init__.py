"""Python 2.7 source on Python 3: language core, builtins, library names, loader."""

from channelshim.python27.installing import (
    compile_source,
    import_app,
    install,
    installed,
    is_app_code,
)

__all__ = ["install", "installed", "import_app", "compile_source", "is_app_code"]
