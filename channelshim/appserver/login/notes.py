"""Notes that a browser keeps for a login page: signed, and good for a while.

What one says is not secret from the browser that has it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from itsdangerous import BadData, URLSafeSerializer

_ENDS_AT: Final = "ends_at"


class Notes:
    """Writes and reads notes of one kind.

    Args:
        read_secrets: what signs, oldest first; the last signs, all verify.
        kind: of these notes; those of another kind are not believed.
        clock: Unix seconds.
    """

    def __init__(
        self,
        read_secrets: Callable[[], Sequence[bytes]],
        kind: str,
        clock: Callable[[], float],
    ) -> None:
        self._read_secrets = read_secrets
        self._salt = b"channelshim note\0" + kind.encode()
        self._clock = clock

    def write(self, note: Mapping[str, Any], seconds: float) -> str:
        """Return a cookie's value, ASCII without quotes.

        Args:
            note: what JSON can say.
            seconds: how long it is good.
        """
        ends_at = int(self._clock() + seconds)
        value = self._serializer().dumps({**note, _ENDS_AT: ends_at})
        return value if isinstance(value, str) else value.decode("ascii")

    def read(self, value: str) -> Mapping[str, Any] | None:
        """Return what a cookie's value says, or None for one that is not good.

        Args:
            value: from outside; anything.
        """
        try:
            note: Mapping[str, Any] = self._serializer().loads(value)
        except BadData:
            return None
        return note if note[_ENDS_AT] > self._clock() else None

    def _serializer(self) -> URLSafeSerializer:
        return URLSafeSerializer(
            list(self._read_secrets()),
            salt=self._salt,
            signer_kwargs={
                "key_derivation": "hmac",
                "digest_method": hashlib.sha256,
            },
        )
