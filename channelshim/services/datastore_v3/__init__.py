"""The datastore, answered from the store."""

from channelshim.services.datastore_v3.service import DatastoreService

__all__ = ["DatastoreService"]
