"""Files that Google's last SDK writes are what we take them for."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from google.appengine.datastore import entity_bytes_pb2 as entity_pb2

from tests.data.moving import App
from tests.data.old_server import TABLES
from tests.lanes import ORIGINAL_SDK, find_python27, timeout_factor
from tests.programs import PATIENCE_SECONDS

pytestmark = pytest.mark.original

WRITER = """\
import datetime, os, sys
sys.path.insert(0, %(sdk)r)
import dev_appserver
dev_appserver.fix_sys_path()
os.environ["APPLICATION_ID"] = "dev~old"
os.environ["AUTH_DOMAIN"] = "gmail.com"
os.environ["SERVER_SOFTWARE"] = "Development/1.0"
from google.appengine.api import apiproxy_stub_map, datastore_file_stub, users
from google.appengine.api import memcache
from google.appengine.api.blobstore import blobstore_stub, file_blob_storage
from google.appengine.api.memcache import memcache_stub
from google.appengine.datastore import datastore_sqlite_stub, datastore_stub_util
from google.appengine.ext import ndb

apiproxy_stub_map.apiproxy = apiproxy_stub_map.APIProxyStubMap()
if sys.argv[1] == "sqlite":
    stub = datastore_sqlite_stub.DatastoreSqliteStub(
        "dev~old", sys.argv[2],
        auto_id_policy=datastore_stub_util.SCATTERED)
else:
    stub = datastore_file_stub.DatastoreFileStub(
        "dev~old", sys.argv[2] if sys.argv[1] == "pickle" else None)
apiproxy_stub_map.apiproxy.RegisterStub("datastore_v3", stub)
apiproxy_stub_map.apiproxy.RegisterStub(
    "memcache", memcache_stub.MemcacheServiceStub())

class Note(ndb.Model):
    text = ndb.StringProperty()
    body = ndb.TextProperty()
    raw = ndb.BlobProperty()
    tags = ndb.StringProperty(repeated=True)
    number = ndb.IntegerProperty()
    ratio = ndb.FloatProperty()
    is_read = ndb.BooleanProperty()
    at = ndb.DateTimeProperty()
    place = ndb.GeoPtProperty()
    writer = ndb.UserProperty()
    other = ndb.KeyProperty()

parent = ndb.Key("Book", "b\\xc3\\xb6ok")
for number in range(1, 31):
    Note(id=number, text=u"\\xe4 %%d" %% number, body=u"long" * 900, raw="\\0\\xff",
         tags=["x", "y"], number=-number, ratio=1.5, is_read=True,
         at=datetime.datetime(2014, 1, number), place=ndb.GeoPt(1, 2),
         writer=users.User("ann@example.com"), other=ndb.Key("Note", 1)).put()
Note(parent=parent, text=u"child").put()
Note(namespace="staff", text=u"in a namespace").put()
if sys.argv[1] == "sqlite":
    storage = file_blob_storage.FileBlobStorage(
        os.path.join(os.path.dirname(sys.argv[2]), "blobs"), "dev~old")
    import StringIO
    storage.StoreBlob("abcDEF==", StringIO.StringIO("bytes of a blob"))
    from google.appengine.api import datastore
    info = datastore.Entity("__BlobInfo__", name="abcDEF==")
    info["size"] = 15
    datastore.Put(info)
if sys.argv[1] == "log":
    # As its export of the datastore wrote them.
    from google.appengine.api import datastore
    from google.appengine.api.files import records
    with open(sys.argv[2], "wb") as file:
        with records.RecordsWriter(file) as writer:
            for namespace in ("", "staff"):
                for found in datastore.Query("Note", namespace=namespace).Run():
                    writer.write(found._ToPb().Encode())
else:
    stub.Write()
"""


def write(folder: Path, kind: str) -> Path:
    """Have the SDK write its data; return the file."""
    python = find_python27()
    assert python is not None, "the lane original checks that"
    file = folder / "datastore.db"
    done = subprocess.run(
        [python, "-c", WRITER % {"sdk": str(ORIGINAL_SDK)}, kind, str(file)],
        env={**os.environ, "PYTHONPATH": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=PATIENCE_SECONDS * timeout_factor(),
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    return file


@pytest.mark.parametrize("kind", ["sqlite", "pickle", "log"])
def test_data_of_the_original_is_imported(tmp_path: Path, kind: str) -> None:
    file = write(tmp_path, kind)
    app = App(tmp_path / "app")
    app.take(file)
    found = [
        entity_pb2.EntityProto.FromString(each[2])
        for each in app.content()
        if isinstance(each, tuple)
    ]
    notes = [each for each in found if each.key.path.element[-1].type == "Note"]
    assert len(notes) == 32
    assert {each.key.app for each in found} == {"dev~app"}
    full = next(each for each in notes if each.key.path.element[-1].id == 7)
    properties = {prop.name: prop for prop in full.property}
    assert properties["other"].value.referencevalue.app == "dev~app"
    assert properties["text"].value.stringValue.decode().startswith("ä ")
    names = {prop.name for each in found for prop in each.property}
    assert not names & {"__scatter__", "__metadata__"}
    namespaces = {each.key.name_space for each in notes}
    assert namespaces == {"", "staff"}
    if kind == "sqlite":
        assert app.blob("abcDEF==").read_bytes() == b"bytes of a blob"


def test_the_files_that_other_tests_make_are_like_the_originals(
    tmp_path: Path,
) -> None:
    file = write(tmp_path, "sqlite")
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master").fetchall()
        tables = {name for name, sql in rows if sql and "CREATE TABLE" in sql}
        assert {*TABLES, "dev~old!!Entities", "dev~old!staff!Entities"} <= tables
        (columns,) = (sql for name, sql in rows if name == "dev~old!!Entities")
        for column in ("__path__ BLOB", "kind TEXT", "entity BLOB"):
            assert column in columns
