"""Every error that channelshim itself raises, in one tree.

    ChannelShimError
     +-- ConfigurationError   the person who starts the server can fix it
     +-- TokenError           a channel token was refused
     |    +-- InvalidToken
     |    +-- TokenExpired
     +-- ProtocolError        a rule of the wire was broken
     |    +-- LocalProtocolError    by our caller
     |    +-- RemoteProtocolError   by the browser
     +-- BrokenFrame          a process of this server sent what cannot be read
     +-- StorageError         the store could not do it
     |    +-- StoreInUse      another process holds the lease
     |    +-- StoreBusy       another process wrote for too long
     +-- BrokerError          the broker could not do it

Each stores facts and builds its sentence in ``__str__``. Google's own error
classes live in ``channelshim.appengine`` and are raised only there.
"""

from __future__ import annotations

from http import HTTPStatus

from channelshim import limits


class ChannelShimError(Exception):
    """The root of the tree; never raised itself."""


class ConfigurationError(ChannelShimError):
    """Something that the person who starts the server can fix.

    Args:
        sentence: one sentence that says what is wrong and what to do.
        path: the file at fault, or None.
        line: its line, counted from 1, or None.
    """

    def __init__(
        self, sentence: str, *, path: str | None = None, line: int | None = None
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.path = path
        self.line = line

    def __str__(self) -> str:
        if self.path is None:
            return self.sentence
        place = self.path if self.line is None else f"{self.path}, line {self.line}"
        return f"{place}: {self.sentence}"


class TokenError(ChannelShimError):
    """A channel token was refused.

    Attributes:
        description: the literal that apps compare, plus signs included.
        http_status: what a poll answers.
        close_code: what a WebSocket is closed with.
    """

    description = ""
    http_status = HTTPStatus.UNAUTHORIZED
    close_code = limits.CLOSE_TOKEN_REFUSED

    def __str__(self) -> str:
        return self.description


class InvalidToken(TokenError):
    """The token is malformed, altered or signed with no secret of ours."""

    description = limits.DESCRIPTION_INVALID_TOKEN


class TokenExpired(TokenError):
    """The token is genuine and its time is over.

    Args:
        client_id: whose channel it opened.
        expired_at: Unix seconds.
    """

    description = limits.DESCRIPTION_TOKEN_EXPIRED

    def __init__(self, client_id: str, expired_at: int) -> None:
        super().__init__(client_id, expired_at)
        self.client_id = client_id
        self.expired_at = expired_at


class ProtocolError(ChannelShimError):
    """A rule of the wire was broken.

    Args:
        reason: what happened, for the log; never sent to a peer.
        close_code: the WebSocket close code that fits.
        http_status: the HTTP status that fits.
    """

    def __init__(
        self,
        reason: str,
        *,
        close_code: int = limits.CLOSE_PROTOCOL_ERROR,
        http_status: HTTPStatus = HTTPStatus.BAD_REQUEST,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.close_code = close_code
        self.http_status = http_status

    def __str__(self) -> str:
        return self.reason


class LocalProtocolError(ProtocolError):
    """Our own caller broke the rule: a bug on this side."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the rule: nothing to fix on this side."""


class BrokenFrame(ChannelShimError):
    """Another process of this server sent what cannot be read: it is ended."""


class StorageError(ChannelShimError):
    """The store could not do what was asked; nothing is half done."""


class StoreInUse(StorageError):
    """Another process holds the lease of the store.

    Args:
        path: the store.
        holder: the process id of the holder, or None when it is not known.
    """

    def __init__(self, path: str, holder: int | None = None) -> None:
        super().__init__(path, holder)
        self.path = path
        self.holder = holder

    def __str__(self) -> str:
        who = "another process" if self.holder is None else f"process {self.holder}"
        return (
            f"the store {self.path} is in use by {who}: stop that one, or give "
            "this one another folder with --storage_path (in a program of your own: "
            "storage_path; under gunicorn: one worker with many threads)"
        )


class StoreBusy(StorageError):
    """Another process was writing for too long; trying again is right."""


class BrokerError(ChannelShimError):
    """The broker could not do what was asked."""
