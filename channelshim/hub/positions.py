"""What was last written to the connections of a token, once they are closed."""

from __future__ import annotations

from channelshim.protocol.presence import MAXIMUM_TOKEN_POSITIONS


class Positions:
    """Numbers by client id and nonce of a token; bounded for each id, newest kept."""

    def __init__(self) -> None:
        self._numbers: dict[str, dict[bytes, int]] = {}

    def __len__(self) -> int:
        """Return of how many client ids anything is remembered."""
        return len(self._numbers)

    def note(self, client_id: str, nonce: bytes, number: int) -> None:
        """Remember a number; an earlier, higher one stays."""
        numbers = self._numbers.setdefault(client_id, {})
        numbers[nonce] = max(number, numbers.pop(nonce, 0))
        if len(numbers) > MAXIMUM_TOKEN_POSITIONS:
            del numbers[next(iter(numbers))]

    def of(self, client_id: str, nonce: bytes) -> int:
        """Return what was noted last, 0 for nothing."""
        numbers = self._numbers.get(client_id)
        return 0 if numbers is None else numbers.get(nonce, 0)

    def has(self, client_id: str, nonce: bytes) -> bool:
        """Return whether anything was noted. Any thread."""
        return nonce in self._numbers.get(client_id, ())

    def forget(self, client_id: str) -> None:
        """Forget all of a client id."""
        self._numbers.pop(client_id, None)
