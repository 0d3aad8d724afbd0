"""Entities that are read: the quick way makes what the SDK's own way makes."""

from __future__ import annotations

import datetime
from collections import Counter
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from google.appengine.api import apiproxy_stub_map, datastore
from google.appengine.api.memcache import memcache_stub
from google.appengine.ext import ndb
from google.appengine.ext.ndb import polymodel
from hypothesis import strategies as st

from channelshim import appengine
from channelshim.services.datastore_v3 import DatastoreService
from channelshim.services.datastore_v3.values import values_of_body
from channelshim.store.sqlite.state import SqliteStore
from tests.exploring import Cases, explored

appengine.install()

APP = "dev~app"


@pytest.fixture(autouse=True)
def service(monkeypatch, tmp_path):
    monkeypatch.setenv("APPLICATION_ID", APP)
    store = SqliteStore(tmp_path, values_of_body)
    proxy = apiproxy_stub_map.APIProxyStubMap()
    proxy.RegisterStub("datastore_v3", DatastoreService(store.entities, APP))
    proxy.RegisterStub("memcache", memcache_stub.MemcacheServiceStub())
    proxy.ndb_memcache = False
    monkeypatch.setattr(apiproxy_stub_map, "apiproxy", proxy)
    ndb.tasklets._state.reset(None)
    kinds = dict(ndb.Model._kind_map)
    yield
    ndb.Model._kind_map.clear()
    ndb.Model._kind_map.update(kinds)
    store.close()


# --- What an app may have done to a class ------------------------------------------


if TYPE_CHECKING:
    # What a mix-in finds above it in a model's classes.
    _Above: Any = ndb.Model
else:
    _Above = object


class Made:
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._was_made = True


class Born:
    def __new__(cls, *args, **kwargs):
        made: Any = super().__new__(cls)
        made._was_born = True
        return made


class Setting(_Above):
    def _set_attributes(self, kwds):
        self._was_set = True
        super()._set_attributes(kwds)


class Reading(_Above):
    @classmethod
    def _from_pb(cls, pb, set_key=True, ent=None, key=None):
        entity = super()._from_pb(pb, set_key, ent, key)
        entity._was_read_empty = ent is None
        return entity


class Choosing(_Above):
    """Chooses another class, as PolyModel does."""

    @classmethod
    def _from_pb(cls, pb, set_key=True, ent=None, key=None):
        chosen = next(iter(cls.__subclasses__()), cls)
        return super(Choosing, chosen)._from_pb(pb, set_key, ent, key)


class ReadByStatic:
    @staticmethod
    def _from_pb(pb, set_key=True, ent=None, key=None):
        return ndb.Model._from_pb.__func__(Stand, pb, set_key, ent, key)


class Watching:
    def __setattr__(self, name, value):
        if name == "_values":
            super().__setattr__("_has_watched", True)
        super().__setattr__(name, value)


class Looking:
    def __getattribute__(self, name):
        if name == "_set_attributes":
            object.__setattr__(self, "_was_looked_at", True)
        return super().__getattribute__(name)


class Projecting(_Above):
    def _set_projection(self, projection):
        self._projected = list(projection)
        super()._set_projection(projection)


class Finding(_Above):
    def _get_property_for(self, p, indexed=True, depth=0):
        self._found = True
        return super()._get_property_for(p, indexed, depth)


class Calling(ndb.MetaModel):
    def __call__(cls, *args, **kwargs):
        made = super().__call__(*args, **kwargs)
        made._was_called = True
        return made


MIXINS = [
    Made,
    Born,
    Setting,
    Reading,
    Choosing,
    ReadByStatic,
    Watching,
    Looking,
    Projecting,
    Finding,
]
BASES = [ndb.Model, ndb.Expando, polymodel.PolyModel]


class Stand(ndb.Expando):
    """What ReadByStatic makes."""


class Part(ndb.Model):
    number = ndb.IntegerProperty()
    words = ndb.StringProperty(repeated=True)


class Word(ndb.Model):
    word = ndb.StringProperty(default="usual")


PROPERTIES = {
    "count": (lambda: ndb.IntegerProperty(), 7),
    "usual": (lambda: ndb.IntegerProperty(default=3), 4),
    "named": (lambda: ndb.StringProperty("n"), "naïve 中"),
    "plain": (lambda: ndb.StringProperty(indexed=False), "plain"),
    "tags": (lambda: ndb.StringProperty(repeated=True), ["a", "b"]),
    "empty": (lambda: ndb.StringProperty(repeated=True), []),
    "none": (lambda: ndb.StringProperty(), None),
    "text": (lambda: ndb.TextProperty(), "long"),
    "blob": (lambda: ndb.BlobProperty(compressed=True), b"\0\xff"),
    "json": (lambda: ndb.JsonProperty(), {"a": [1, None]}),
    "pickled": (lambda: ndb.PickleProperty(), (1, 2)),
    "at": (lambda: ndb.DateTimeProperty(), datetime.datetime(2013, 1, 2, 3)),
    "is_so": (lambda: ndb.BooleanProperty(), True),
    "ratio": (lambda: ndb.FloatProperty(), 0.5),
    "other": (lambda: ndb.KeyProperty(), ndb.Key("Other", "x", app=APP)),
    "place": (lambda: ndb.GeoPtProperty(), ndb.GeoPt(1, 2)),
    "any": (lambda: ndb.GenericProperty(), 5),
    "part": (lambda: ndb.StructuredProperty(Part), Part(number=1)),
    "parts": (
        lambda: ndb.StructuredProperty(Word, repeated=True),
        [Word(word="a"), Word(word="b")],
    ),
    "local": (lambda: ndb.LocalStructuredProperty(Part), Part(number=3, words=["w"])),
    "made": (lambda: ndb.ComputedProperty(lambda self: "computed"), None),
}

# Each value: which base, what mixed in, a metaclass, which class of three generations
# the entity is of, the class's properties, those of the entity that are lacking, that
# are unknown to the class, and projected; how its key is.
SHAPES = st.tuples(
    st.sampled_from([ndb.Model, *BASES]),
    st.one_of(st.just([]), st.lists(st.sampled_from(MIXINS), max_size=2, unique=True)),
    st.sampled_from([False, False, False, True]),
    st.integers(0, 2),
    st.sets(st.sampled_from(sorted(PROPERTIES)), max_size=8),
    st.sets(st.sampled_from(sorted(PROPERTIES)), max_size=2),
    st.sampled_from([(), ("strange",), ("strange", "strange"), ("part.strange",)]),
    st.booleans(),
    st.sampled_from(["name", "id", "parent", "incomplete", "wide", "none"]),
)


def classes_of(base: Any, mixins: Any, has_meta: bool, names: Any) -> list[Any]:
    """Return three generations of a model class; the first has the properties."""
    meta = Calling if has_meta else ndb.MetaModel
    members = {name: PROPERTIES[name][0]() for name in names}
    first = meta("First", (*mixins, base), members)
    second = meta("Second", (first,), {"more": ndb.StringProperty()})
    return [first, second, meta("Third", (second,), {})]


def key_of(made: Any, how: str) -> Any:
    kind = made._get_kind()
    flat = {
        "name": (kind, "x"),
        "id": (kind, 5),
        "wide": (kind, "naïve 中"),
        "parent": ("Parent", "p", kind, 2**53),
        "incomplete": ("Parent", "p", kind, None),
        "none": (kind, None),
    }[how]
    return ndb.Key(flat=flat, app=APP, namespace="space" if how == "id" else "")


def pb_of(made: Any, shape: Any) -> Any:
    """Return an entity as the store gives it."""
    _, _, _, _, names, lacking, strange, is_projected, how = shape
    entity = made(key=key_of(made, how))
    for name in names:
        if name != "made":
            setattr(entity, name, PROPERTIES[name][1])
    pb = ndb.model.entity_pb2.EntityProto()
    whole = entity._to_pb()
    pb.CopyFrom(whole)
    for plist in (pb.property, pb.raw_property):
        kept = [p for p in plist if p.name.partition(".")[0] not in lacking]
        copies = [type(p).FromString(p.SerializeToString()) for p in kept]
        del plist[:]
        plist.extend(copies)
    for number, name in enumerate(strange):
        p = pb.property.add()
        p.name = name
        p.multiple = len(strange) > 1
        p.value.int64Value = number
    if is_projected and pb.property:
        pb.property[0].meaning = ndb.model.entity_pb2.Property.INDEX_VALUE
    return pb


def look(read: Any, pb: Any) -> Any:
    """Return all that can be seen of an entity, or the error of reading it."""
    adapter = ndb.model.ModelAdapter()
    try:
        with adapter:
            entity = read(adapter, pb)
    except Exception as error:
        return type(error), str(error)
    seen = [
        type(entity),
        repr(entity),
        sorted(entity.__dict__),
        sorted(name for name in entity.__dict__ if name.startswith("_was")),
        {name: type(prop) for name, prop in entity._properties.items()},
        entity._properties is type(entity)._properties,
        entity._key,
        type(entity._key),
        entity._projection,
        entity._orig_pb is pb,
        getattr(entity, "_was_read_empty", None),
    ]
    for ask in (entity._to_dict, lambda: entity._to_pb(allow_partial=True)):
        try:
            seen.append(ask())
        except Exception as error:
            seen.append((type(error), str(error)))
    return [*seen, repr(entity)]


@explored(150, 5000)
def test_what_is_read_is_what_the_sdk_reads(cases: Cases) -> None:
    tuned = ndb.model.ModelAdapter.pb_to_entity
    usual = tuned.__wrapped__
    assert usual.__module__ == ndb.model.__name__

    tally: Counter[str] = Counter()

    def claim(shape: Any) -> None:
        base, mixins, has_meta, generation, names, *_ = shape
        family = classes_of(base, mixins, has_meta, names)
        pb = pb_of(family[generation], shape)
        expected = look(usual, pb)
        is_plain = base is ndb.Model and not mixins and not has_meta
        found = "an error" if isinstance(expected, tuple) else "an entity"
        for what in ("a case", found, "a plain class" if is_plain else "another class"):
            hypothesis.event(what)
            tally[what] += 1
        assert look(tuned, pb) == expected

    cases.check(claim, SHAPES)
    assert tally["an entity"] >= 0.6 * tally["a case"], tally
    assert tally["a plain class"] >= 0.05 * tally["a case"], tally
    assert tally["another class"] >= 0.2 * tally["a case"], tally


class Shape(polymodel.PolyModel):
    def area(self):
        return 0


class Square(Shape):
    side = ndb.IntegerProperty()

    def area(self):
        return self.side**2


def test_a_polymodel_comes_back_as_the_class_that_was_put():
    key = Square(id="s", side=3).put()
    reads = [
        key.get,
        lambda: ndb.get_multi([key])[0],
        lambda: Square.get_by_id("s"),
        lambda: Shape.query().get(),
        lambda: Square.query().get(),
        lambda: next(iter(Shape.query())),
        lambda: Shape.query().fetch_page(1)[0][0],
        lambda: ndb.transaction(key.get),
    ]
    for read in reads:
        ndb.get_context().clear_cache()
        found = read()
        assert type(found) is Square
        assert (found.side, found.area()) == (3, 9)


class Tagged(ndb.Model):
    number = ndb.IntegerProperty()
    usual = ndb.IntegerProperty(default=3)
    tags = ndb.StringProperty(repeated=True)
    part = ndb.StructuredProperty(Part)
    never = ndb.StringProperty()


@pytest.mark.parametrize("use_memcache", [None, True])
def test_what_get_reads_shows_what_it_has_by_default(use_memcache):
    # ndb came to that as it wrote to memcache what it had read.
    stored = datastore.Entity("Tagged", name="x")
    stored["number"] = 1
    stored["part.number"] = 2
    datastore.Put(stored)
    key = ndb.Key("Tagged", "x")
    expected = (
        "Tagged(key=Key('Tagged', 'x'), number=1, "
        "part=Part(number=2, words=[]), tags=[], usual=3)"
    )
    assert repr(key.get(use_memcache=use_memcache)) == expected
    for bare in (
        lambda: key.get(use_cache=False, use_memcache=False),
        lambda: Tagged.query().get(use_cache=False),
        lambda: ndb.transaction(key.get),
    ):
        assert repr(bare()).count("tags") == 0
    assert ndb.Key("Tagged", "nobody").get() is None


class Picky(ndb.StringProperty):
    def _to_base_type(self, value):
        raise ValueError(value)


class Strict(ndb.Model):
    number = ndb.IntegerProperty()
    name = Picky(default="usual")


def test_a_default_that_its_property_refuses_hides_no_entity():
    keys = []
    for number in (1, 2):
        stored = datastore.Entity("Strict", id=number)
        stored["number"] = number
        keys.append(ndb.Key(flat=datastore.Put(stored).to_path()))
    assert [found.number for found in ndb.get_multi(keys)] == [1, 2]
