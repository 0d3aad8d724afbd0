"""Messages of the SDK by the accessors of its first version, and their modules."""

from __future__ import annotations

import copy
import importlib
import pickle
import sys
from typing import Any

import pytest

from channelshim.cli.testing import install

install(python27=False)

from google.appengine.api import datastore, taskqueue  # noqa: E402
from google.appengine.datastore import entity_bytes_pb2  # noqa: E402
from google.appengine.ext import ndb  # noqa: E402

from channelshim.compat import old_modules  # noqa: E402
from channelshim.compat.legacy_messages import (  # noqa: E402
    LegacyMessage,
    unwrapped,
    wrapped,
)

entity_pb: Any = importlib.import_module("google.appengine.datastore.entity_pb")


def a_message() -> Any:
    message = entity_pb.EntityProto()
    message.mutable_key().set_app("app")
    message.mutable_key().mutable_path().add_element().set_type("Kind")
    message.mutable_entity_group()
    value = message.add_property()
    value.set_name("é")
    value.set_multiple(0)
    value.mutable_value().set_doublevalue(2)
    return message


def test_values_are_of_the_types_of_the_fields() -> None:
    message = a_message()
    value = message.property(0)
    assert value.name() == "é"
    assert value.value().doublevalue() == 2.0
    assert value.multiple() is False
    assert message.mutable_property(0).name() == "é"
    value.mutable_value().set_booleanvalue(1)
    assert value.value().booleanvalue() is True
    value.mutable_value().set_stringvalue("é")
    assert value.value().stringvalue() == "é"
    assert unwrapped(message).property[0].value.stringValue == "é".encode()


def test_repeated_values_of_a_kind_without_messages() -> None:
    pb: Any = importlib.import_module("google.appengine.api.urlfetch_service_pb")
    request = pb.URLFetchRequest()
    request.set_url(b"http://x/")
    assert request.url() == "http://x/"
    memcache: Any = importlib.import_module(
        "google.appengine.api.memcache.memcache_service_pb"
    )
    keys = memcache.MemcacheGetRequest()
    keys.add_key("a")
    keys.add_key(b"b")
    keys.set_key(0, "c")
    assert (keys.key_list(), keys.key_size(), keys.key(1)) == (["c", "b"], 2, "b")


def test_an_unknown_accessor_is_no_attribute() -> None:
    message = a_message()
    for name in ("nothing", "set_nothing", "nothing_size", "size", "is_key"):
        assert not hasattr(message, name)
    with pytest.raises(AttributeError, match="'EntityProto' object has no attribute"):
        message.nothing()


def test_messages_are_compared_copied_and_pickled() -> None:
    message = a_message()
    assert message == copy.deepcopy(message) == copy.copy(message)
    assert message == pickle.loads(pickle.dumps(message, 2))
    assert message != entity_pb.EntityProto()
    assert message == unwrapped(message)
    assert not message.Equals(entity_pb.EntityProto())
    with pytest.raises(TypeError):
        hash(message)


def test_a_message_is_shown_by_its_fields() -> None:
    assert 'app: "app"' in str(a_message())
    assert repr(a_message()).startswith("<EntityProto key {")


def test_required_fields_are_named() -> None:
    message = entity_pb.EntityProto()
    missing: list[Any] = []
    assert message.IsInitialized(missing) == 0
    assert "key" in missing
    assert message.SerializePartialToString() == b""
    assert a_message().IsInitialized() == 1


def test_a_message_is_merged_and_cleared() -> None:
    message = entity_pb.EntityProto()
    message.MergeFrom(a_message())
    message.MergeFrom(unwrapped(a_message()))
    assert message.property_size() == 2
    assert message.ByteSize() == len(message.Encode())
    message.Clear()
    message.ParseFromString(a_message().Encode())
    assert message == a_message()


def test_the_sdks_own_message_is_an_object_of_the_class() -> None:
    plain = entity_bytes_pb2.EntityProto()
    assert isinstance(plain, entity_pb.EntityProto)
    assert not isinstance(plain, entity_pb.Reference)
    assert not isinstance(plain, LegacyMessage)
    assert isinstance(wrapped(plain), entity_pb.EntityProto)
    assert unwrapped(wrapped(plain)) is plain
    assert wrapped("text") == unwrapped("text") == "text"


def test_enumerations_have_their_numbers_and_names() -> None:
    assert entity_pb.Property.BLOB == entity_bytes_pb2.Property.BLOB
    assert entity_pb.Property.Meaning_Name(entity_pb.Property.TEXT) == "TEXT"
    assert entity_pb.Property.Meaning_Name(12345) == ""
    assert entity_pb.PropertyValue_ReferenceValue().pathelement_size() == 0


@pytest.mark.parametrize(
    "name",
    [
        "api.api_base_pb",
        "api.blobstore.blobstore_service_pb",
        "api.images.images_service_pb",
        "api.mail_service_pb",
        "api.memcache.memcache_service_pb",
        "api.search.search_service_pb",
        "api.system.system_service_pb",
        "api.taskqueue.taskqueue_service_pb",
        "api.urlfetch_service_pb",
        "api.user_service_pb",
        "datastore.datastore_v3_pb",
        "datastore.datastore_v4_pb",
        "datastore.document_pb",
        "datastore.entity_v4_pb",
        "ext.remote_api.remote_api_pb",
    ],
)
def test_a_module_of_messages_is_importable(name: str) -> None:
    module = importlib.import_module(f"google.appengine.{name}")
    kinds = [each for each in vars(module).values() if isinstance(each, type)]
    assert kinds
    assert all(issubclass(kind, LegacyMessage) for kind in kinds)


def test_the_sdks_own_module_of_queries_has_the_names_of_the_first() -> None:
    from google.appengine.datastore import datastore_pb

    assert datastore_pb.Query_Filter.EQUAL == datastore_pb.Query.Filter.EQUAL
    assert datastore_pb.Query_Order.Direction_Name(2) == "DESCENDING"
    assert not hasattr(datastore_pb, "Query_Nothing")
    assert not hasattr(datastore_pb, "_Query")
    assert not issubclass(datastore_pb.Query, LegacyMessage)
    assert isinstance(wrapped(datastore_pb.Query()), datastore_pb.Query)


@pytest.mark.parametrize(
    "name", ["google.appengine.nothing_pb", "google.appengine.no.such_pb", "other_pb"]
)
def test_there_is_no_other_module(name: str) -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(name)


def test_messages_are_reached_through_the_modules_that_used_them() -> None:
    assert datastore.entity_pb is entity_pb
    assert ndb.model.entity_pb is entity_pb
    assert taskqueue.taskqueue_service_pb.TaskQueueAddRequest().queue_name() == ""


def test_a_module_has_no_other_attributes() -> None:
    for module in (datastore, ndb, taskqueue):
        with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
            module.nothing  # noqa: B018
        assert not hasattr(module, "_private_pb")


def test_installing_again_adds_no_finder() -> None:
    old_modules.install()
    assert sum(each is old_modules._finder for each in sys.meta_path) == 1


def test_what_fails_in_a_submodule_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import google.appengine.ext as package

    def broken(name: str) -> None:
        raise ModuleNotFoundError("No module named 'other'", name="other")

    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(ModuleNotFoundError, match="other"):
        package.not_there  # noqa: B018
