"""API calls that run when they are made, in the caller's thread.

The SDK runs a call of a stub that is not thread-safe when somebody waits for it, so one
that nobody waits for is lost; a thread-safe stub's call costs a hop through a pool.
"""

from __future__ import annotations

from google.appengine.api import apiproxy_rpc


class EagerRPC(apiproxy_rpc.RPC):  # type: ignore[misc]
    """An RPC that is finished when MakeCall returns."""

    def _MakeCallImpl(self) -> None:
        self._state = apiproxy_rpc.RPC.RUNNING
        self._SendRequestAndFinish()

    def _WaitImpl(self) -> bool:
        return True
