"""Frames of a WebSocket by the websockets library's parser, which is fed with bytes."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from websockets.exceptions import PayloadTooBig
from websockets.exceptions import ProtocolError as LibraryProtocolError
from websockets.frames import Frame
from websockets.streams import StreamReader

from channelshim import limits
from channelshim.errors import RemoteProtocolError


class FrameParser:
    """Reads what one page sends.

    Args:
        maximum_bytes: of a frame's payload.
    """

    def __init__(self, maximum_bytes: int) -> None:
        self._maximum_bytes = maximum_bytes
        self._reader = StreamReader()
        self._parsing: Generator[None, None, Frame] | None = None

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield opcode and payload of each frame that is whole by now.

        Raises:
            RemoteProtocolError: no frame begins so, or it is too long; nothing may be
                fed after it.
        """
        self._reader.feed_data(data)
        while True:
            if self._parsing is None:
                self._parsing = Frame.parse(
                    self._reader.read_exact, mask=True, max_size=self._maximum_bytes
                )
            try:
                next(self._parsing)
            except StopIteration as stop:
                self._parsing = None
                frame: Frame = stop.value
                yield int(frame.opcode), bytes(frame.data)
            except PayloadTooBig as error:
                raise _refusal(error, limits.CLOSE_TOO_BIG) from error
            except LibraryProtocolError as error:
                raise _refusal(error, limits.CLOSE_PROTOCOL_ERROR) from error
            else:
                return


def _refusal(error: Exception, close_code: int) -> RemoteProtocolError:
    return RemoteProtocolError(str(error), close_code=close_code)
