"""Exceptions: three-part raise, `e.message`, and exceptions read as sequences."""

from __future__ import annotations

from typing import Any, Final


def exception(kind: Any, value: Any = None, traceback: Any = None) -> BaseException:
    """Return what `raise kind, value, traceback` raises.

    Raises:
        TypeError: the parts are not what raise takes; the sentences are 2.7's.
    """
    while isinstance(kind, tuple) and kind:
        kind = kind[0]
    if isinstance(kind, type) and issubclass(kind, BaseException):
        raised = _instance(kind, value)
    elif isinstance(kind, BaseException):
        if value is not None:
            raise TypeError("instance exception may not have a separate value")
        raised = kind
    else:
        raise TypeError(
            "exceptions must be old-style classes or derived from BaseException, "
            f"not {type(kind).__name__}"
        )
    if traceback is None:
        return raised
    return raised.with_traceback(traceback)


def _instance(kind: type[BaseException], value: Any) -> BaseException:
    if isinstance(value, kind):
        return value
    if value is None:
        return kind()
    return kind(*value) if isinstance(value, tuple) else kind(value)


_missing: Final = object()


def message(owner: Any) -> Any:
    """Return `owner.message`, which every exception had in 2.7."""
    found = getattr(owner, "message", _missing)
    if found is not _missing:
        return found
    if isinstance(owner, BaseException):
        return owner.args[0] if len(owner.args) == 1 else ""
    return owner.message


def args(owner: Any) -> Any:
    """Return what an exception is as a sequence: its arguments."""
    if isinstance(owner, BaseException):
        kind = type(owner)
        if not hasattr(kind, "__getitem__") and not hasattr(kind, "__iter__"):
            return arguments(owner)
    return owner


def arguments(error: BaseException) -> tuple[Any, ...]:
    """Return the items of an exception; a file's name is none of them."""
    if isinstance(error, OSError) and len(error.args) == 3:
        return error.args[:2]
    return error.args


TABLE: Final[dict[str, Any]] = {
    "_p27_exception": exception,
    "_p27_message": message,
    "_p27_args": args,
    "_p27_StopIteration": StopIteration,
    "_p27_TypeError": TypeError,
    "_p27_metatype": type,
    "StandardError": Exception,
}
