"""memcache: look up, write with a type, delete, flush, statistics."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from channelshim.console.asking import ask
from channelshim.console.page import PageHandler, Refused
from channelshim.services.admin import cached

LONGEST_SECONDS: Final = 10 * 365 * 24 * 3600


class MemcachePage(PageHandler):
    """What memcache says of itself, and one entry."""

    template: ClassVar[str] = "memcache.html"

    def facts(self, **names: str) -> dict[str, Any]:
        """See PageHandler.facts."""
        key, namespace = self._key(), self._namespace()
        entry = ask(self, cached.look_up, namespace, key) if key else None
        return {
            "statistics": ask(self, cached.statistics),
            "key": key,
            "namespace": namespace,
            "entry": entry,
            "types": cached.TYPES,
        }

    def do_write(self, **names: str) -> str:
        """Write the entry."""
        seconds = self.number("seconds", 0, 0, LONGEST_SECONDS)
        key, namespace = self.text("key"), self.text("namespace")
        ask(
            self,
            cached.write,
            namespace,
            key,
            self.text("type"),
            self.text("text"),
            seconds,
        )
        return "Written."

    def do_delete(self, **names: str) -> str:
        """Delete the entry."""
        if not ask(self, cached.delete, self.text("namespace"), self.text("key")):
            raise Refused("There is no such entry any more.")
        return "Deleted."

    def do_flush(self, **names: str) -> str:
        """Take everything out."""
        ask(self, cached.flush)
        return "Memcache is empty."

    def _key(self) -> str:
        key: str = self.request.GET.get("key", "")
        return key

    def _namespace(self) -> str:
        namespace: str = self.request.GET.get("namespace", "")
        return namespace
