"""What our stubs share: calls run when they are made, and errors are the API's.

The SDK runs a call of a stub that is not thread-safe when somebody waits for it, so one
that nobody waits for is lost; a thread-safe stub's call costs a hop through a pool.
"""

from __future__ import annotations

from typing import Any, Final

from google.appengine.api import apiproxy_rpc, apiproxy_stub
from google.protobuf.message import DecodeError

from channelshim.errors import StorageError

_DAMAGED: Final = StorageError("what is stored cannot be read: the file is damaged")


class EagerRPC(apiproxy_rpc.RPC):  # type: ignore[misc]
    """An RPC that is finished when MakeCall returns."""

    def _MakeCallImpl(self) -> None:
        self._state = apiproxy_rpc.RPC.RUNNING
        self._SendRequestAndFinish()

    def _WaitImpl(self) -> bool:
        return True


class EagerStub(apiproxy_stub.APIProxyStub):  # type: ignore[misc]
    """A stub whose calls are finished when they have been made, in the caller's thread.

    The SDK finds the method of a call by its name: `_Dynamic_Get` for "Get".
    """

    def CreateRPC(self) -> EagerRPC:
        """Return an RPC that runs in the caller's thread, at once."""
        return EagerRPC(stub=self)

    def MakeSyncCall(
        self,
        service: str,
        call: str,
        request: Any,
        response: Any,
        request_id: str | None = None,
    ) -> None:
        """Run a call; the store's errors become those of the API."""
        try:
            super().MakeSyncCall(service, call, request, response, request_id)
        except StorageError as error:
            raise self.translate(error) from error
        except DecodeError as error:
            raise self.translate(_DAMAGED) from error

    def translate(self, error: StorageError) -> Exception:
        """Return the API's error for one of the store's; itself where there is none."""
        return error
