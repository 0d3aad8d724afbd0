"""An app that puts any text it is given into everything that takes text."""

import json
import logging
import threading
from urllib.parse import parse_qs

from google.appengine.api import (
    channel,
    images,
    mail,
    memcache,
    namespace_manager,
    search,
    taskqueue,
    urlfetch,
    users,
)
from google.appengine.ext import blobstore, db, deferred, ndb

_told = []
_lock = threading.Lock()


class Thing(ndb.Model):
    text = ndb.StringProperty()
    long = ndb.TextProperty()


class OldThing(db.Model):
    text = db.StringProperty()


def try_channel(text):
    return channel.create_channel(text)


def try_message(text):
    channel.create_channel("reader")
    channel.send_message("reader", text)


def try_message_id(text):
    channel.send_message(text, "hello")


def try_entity_id(text):
    key = Thing(id=text, text="x").put()
    assert key.get(use_cache=False).key.id() == text


def try_kind(text):
    ndb.Key(text, 1).get()


def try_property(text):
    key = Thing(text=text, long=text).put()
    again = key.get(use_cache=False)
    assert (again.text, again.long) == (text, text)
    Thing.query(Thing.text == text).fetch(1)


def try_old_entity(text):
    OldThing(key_name=text, text=text).put()
    assert OldThing.get_by_key_name(text).text == text


def try_namespace(text):
    namespace_manager.set_namespace(text)
    Thing(text="x").put()


def try_key_namespace(text):
    ndb.Key(Thing, 1, namespace=text).get()


def try_query(text):
    ndb.gql(f"SELECT * FROM Thing WHERE text = '{text}'").fetch(1)


def try_memcache_key(text):
    assert memcache.set(text, "x")
    assert memcache.get(text) == "x"


def try_memcache_value(text):
    assert memcache.set("key", text)
    assert memcache.get("key") == text


def try_memcache_namespace(text):
    memcache.set("key", "x", namespace=text)
    memcache.get("key", namespace=text)


def try_task_name(text):
    taskqueue.add(url="/work", name=text)


def try_task_url(text):
    taskqueue.add(url="/work/" + text)


def try_task_payload(text):
    taskqueue.add(url="/work", payload=text)


def try_task_params(text):
    taskqueue.add(url="/work", params={"n": text, text: "n"})


def try_task_header(text):
    taskqueue.add(url="/work", headers={"X-Own": text})


def try_task_header_name(text):
    taskqueue.add(url="/work", headers={"X-" + text: "a"})


def try_queue_name(text):
    taskqueue.add(url="/work", queue_name=text)


def try_pull_task(text):
    queue = taskqueue.Queue("pull")
    queue.add(taskqueue.Task(payload=text, method="PULL", tag=text))
    for task in queue.lease_tasks_by_tag(60, 10, text):
        queue.delete_tasks(task)


def try_pull_name(text):
    taskqueue.Queue("pull").add(taskqueue.Task(name=text, method="PULL"))


def try_delete_task(text):
    taskqueue.Queue().delete_tasks_by_name(text)


def try_statistics(text):
    taskqueue.Queue(text).fetch_statistics()


def try_mail(text):
    mail.send_mail("a@example.com", "b@example.com", text, "body")


def try_mail_body(text):
    mail.send_mail("a@example.com", "b@example.com", "subject", text, html=text)


def try_mail_address(text):
    mail.send_mail(text, "b@example.com", "subject", "body")


def try_mail_file(text):
    attached = [mail.Attachment("a.txt", b"data")]
    named = [mail.Attachment(text + ".txt", b"data")]
    for each in (attached, named):
        mail.send_mail(
            "a@example.com", "b@example.com", "subject", "body", attachments=each
        )


def try_login_url(text):
    users.create_login_url("/" + text)
    users.create_logout_url("/" + text)


def try_log(text):
    logging.warning("the text is %s", text)


def try_deferred(text):
    deferred.defer(len, text)


def try_document(text):
    index = search.Index("texts")
    field = search.TextField("text", text)
    index.put(search.Document(doc_id="one", fields=[field]))
    index.search("hello")


def try_search(text):
    search.Index("texts").search(text)


def try_image_url(text):
    images.get_serving_url(text)


def try_urlfetch(text):
    urlfetch.fetch("http://127.0.0.1:1/" + text, deadline=1)


def try_urlfetch_header(text):
    urlfetch.fetch("http://127.0.0.1:1/", headers={"X-Own": text}, deadline=1)


def try_blob_key(text):
    blobstore.BlobInfo.get(text)
    blobstore.fetch_data(text, 0, 1)


def try_upload_url(text):
    blobstore.create_upload_url("/" + text)


def upload_url(environ):
    return blobstore.create_upload_url("/uploaded").encode("ascii")


def token(environ):
    text = json.loads(environ["wsgi.input"].read().decode("ascii"))
    return channel.create_channel(text).encode("ascii")


def told(environ):
    with _lock:
        return json.dumps(_told).encode("ascii")


def note(environ):
    body = environ["wsgi.input"].read().decode("utf-8", "replace")
    with _lock:
        form = parse_qs(body, errors="surrogateescape")
        _told.append([environ["PATH_INFO"], form.get("from", [""])[0]])
    return b""


def trying(environ):
    """Answer with the name of what was raised."""
    what = parse_qs(environ["QUERY_STRING"])["what"][0]
    text = json.loads(environ["wsgi.input"].read().decode("ascii"))
    try:
        globals()["try_" + what](text)
    except Exception as error:
        names = [cls.__name__ for cls in type(error).__mro__]
        return json.dumps([names, str(error)[:200]]).encode("ascii")
    return b"[]"


def names(environ):
    found = [name[4:] for name in globals() if name.startswith("try_")]
    return json.dumps(found).encode("ascii")


PAGES = {
    "/try": trying,
    "/names": names,
    "/token": token,
    "/told": told,
    "/upload-url": upload_url,
}


def app(environ, start_response):
    answer = PAGES.get(environ["PATH_INFO"], note)(environ)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [answer]
