"""What a handler hears when its time is over."""

from __future__ import annotations


def deadline_error() -> type[BaseException]:
    """Return the class that App Engine raised, and apps catch."""
    from google.appengine.runtime import DeadlineExceededError

    error: type[BaseException] = DeadlineExceededError
    return error
