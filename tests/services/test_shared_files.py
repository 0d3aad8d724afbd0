"""Blobs and mails in a store that several servers share."""

from __future__ import annotations

import io
from datetime import datetime

import pytest
from google.appengine.api import apiproxy_stub_map, mail

from channelshim.composition.clock import SystemClock
from channelshim.contracts.mails import MailState
from channelshim.services import blobstore
from channelshim.services.blobstore import BlobstoreService
from channelshim.services.datastore_v3 import DatastoreService
from channelshim.services.datastore_v3.values import values_of_body
from channelshim.services.mail import Outbox, make_mail_service

pytestmark = pytest.mark.postgres


@pytest.fixture
def stores(monkeypatch, open_shared):
    monkeypatch.setenv("APPLICATION_ID", "dev~app")
    monkeypatch.setenv("AUTH_DOMAIN", "gmail.com")
    return open_shared(values_of_body), open_shared(values_of_body)


def serve(monkeypatch, store, folder):
    """Put a server's services over a store behind the API proxy."""
    proxy = apiproxy_stub_map.APIProxyStubMap()
    service = DatastoreService(store.entities, "dev~app")
    proxy.RegisterStub("datastore_v3", service)
    proxy.RegisterStub("blobstore", BlobstoreService(folder, store.blobs))
    outbox = Outbox(store.mails, SystemClock())
    proxy.RegisterStub("mail", make_mail_service(folder / "mail", outbox))
    monkeypatch.setattr(apiproxy_stub_map, "apiproxy", proxy)


def test_second_server_reads_the_blob_that_the_first_stored(
    monkeypatch, stores, tmp_path
):
    data = bytes(range(256)) * 3000
    serve(monkeypatch, stores[0], tmp_path / "one")
    now = datetime(2020, 1, 1)
    stored = blobstore.store_blob(io.BytesIO(data), "image/png", "a.png", now)
    serve(monkeypatch, stores[1], tmp_path / "two")
    assert blobstore.blob_facts(stored.key) == (len(data), "image/png")
    assert (
        b"".join(blobstore.read_blob(stored.key, 100, 500_000)) == (data[100:500_100])
    )
    blobstore.delete_blob(stored.key)
    assert blobstore.blob_facts(stored.key) is None
    assert not list((tmp_path / "one").rglob("*.*"))


def test_second_server_has_the_mail_that_the_first_kept(monkeypatch, stores, tmp_path):
    serve(monkeypatch, stores[0], tmp_path)
    mail.send_mail("ann@example.com", "bob@example.com", "Hello", "Text")
    (facts,) = stores[1].mails.facts()
    assert facts.state is MailState.KEPT
    assert b"Subject: Hello" in stores[1].mails.read(facts.number)
    assert not (tmp_path / "mail").exists()
