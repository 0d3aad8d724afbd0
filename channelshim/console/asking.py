"""How pages ask the services: as a request of the app would, refusals as sentences."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from channelshim.console.page import PageHandler, Refused

P = ParamSpec("P")
T = TypeVar("T")


def ask(
    page: PageHandler, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Return what a function of services.admin returns, called in the app.

    Args:
        page: that asks.
        function: to be called.
        *args, **kwargs: of the function.

    Raises:
        Refused: what was asked for is wrong; those functions say so by ValueError.
    """

    def call() -> T:
        return function(*args, **kwargs)

    try:
        answer: T = page.sources.in_app(call)
    except ValueError as error:
        raise Refused(str(error)) from error
    return answer


def chosen(page: PageHandler, name: str, most: int = 1000) -> list[str]:
    """Return all values of a form's field that may come again and again.

    Raises:
        Refused: there are too many, or one is a file.
    """
    values = page.request.POST.getall(name)
    if len(values) > most:
        raise Refused(f"{most} can be chosen at once, not {len(values)}.")
    if not all(isinstance(value, str) for value in values):
        raise Refused(f"{name} must be text, not a file.")
    return list(values)
