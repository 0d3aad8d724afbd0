"""Calls every service once: /NAME of a function below; / lists them."""

import json
import os
import sys
import traceback

import webapp2
from google.appengine.api import (
    app_identity,
    background_thread,
    capabilities,
    channel,
    images,
    lib_config,
    logservice,
    mail,
    memcache,
    modules,
    namespace_manager,
    oauth,
    quota,
    runtime,
    search,
    taskqueue,
    urlfetch,
    users,
    xmpp,
)
from google.appengine.ext import blobstore, db, deferred, ndb
from google.appengine.ext.webapp import template

PIXEL = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0\x90wS\xde\0\0\0\x0c"
    b"IDATx\x9cc\xf8\xcf\xc0\0\0\3\1\1\0\xc9\xfe\x92\xef\0\0\0\0IEND\xaeB`\x82"
)


class Note(ndb.Model):
    text = ndb.StringProperty()
    when = ndb.DateTimeProperty(auto_now=True)
    data = ndb.JsonProperty()
    pickled = ndb.PickleProperty(compressed=True)
    place = ndb.GeoPtProperty()


class OldNote(db.Model):
    text = db.StringProperty()
    when = db.DateTimeProperty(auto_now=True)
    by = db.UserProperty()


def call_ndb(request):
    key = Note(text="a", data={"b": 1}, pickled=[1], place=ndb.GeoPt(1, 2)).put()
    ndb.transaction(lambda: key.get().put())
    found, cursor, _ = Note.query(Note.text == "a").order(-Note.when).fetch_page(1)
    Note.gql("WHERE text = :1", "a").get()
    return found[0].text, cursor.urlsafe(), key.urlsafe()


def call_db(request):
    key = OldNote(text="a", by=users.User("ann@example.com")).put()
    db.run_in_transaction(db.get, key)
    query = OldNote.all().filter("text", "a").order("-when")
    query.fetch(1)
    return query.cursor(), db.GqlQuery("SELECT * FROM OldNote").count(), OldNote.kind()


def call_memcache(request):
    memcache.set_multi({"a": [1], "b": {"c": 2}})
    memcache.Client().gets("a")
    return memcache.get_multi(["a", "b"]), memcache.incr("n", initial_value=1)


def call_channel(request):
    token = channel.create_channel("ann")
    channel.send_message("ann", "hello")
    return token


def call_xmpp(request):
    return xmpp.send_message("a@example.com", "hello")


def call_taskqueue(request):
    taskqueue.add(url="/ran", params={"a": "b"})
    taskqueue.Queue("pulled").add(taskqueue.Task(payload="c", method="PULL"))
    leased = taskqueue.Queue("pulled").lease_tasks(60, 1)
    taskqueue.Queue("pulled").delete_tasks(leased)
    deferred.defer(memcache.set, "deferred", 1)
    return taskqueue.Queue().fetch_statistics().tasks


def call_mail(request):
    mail.send_mail(
        "a@example.com", "b@example.com", "s", "hé", attachments=[("a.txt", b"c")]
    )


def call_urlfetch(request):
    rpc = urlfetch.create_rpc(deadline=30)
    urlfetch.make_fetch_call(rpc, request.host_url + "/ran")
    return rpc.get_result().status_code


def call_images(request):
    image = images.Image(PIXEL)
    image.resize(2, 2)
    image.rotate(90)
    image.im_feeling_lucky()
    return len(image.execute_transforms(images.JPEG)), image.histogram()


def call_blobstore(request):
    return blobstore.create_upload_url("/uploaded"), blobstore.BlobInfo.all().count()


def call_search(request):
    index = search.Index("notes")
    fields = [search.TextField("t", "a word"), search.NumberField("n", 3)]
    index.put(search.Document("d", fields=fields))
    return index.search("word n > 2").number_found


def call_identity(request):
    app_identity.sign_blob(b"a")
    app_identity.get_public_certificates()
    return app_identity.get_application_id(), app_identity.get_service_account_name()


def call_modules(request):
    return modules.get_current_module_name(), modules.get_hostname()


def call_capabilities(request):
    return capabilities.CapabilitySet("datastore_v3").is_enabled()


def call_users(request):
    return users.create_login_url("/"), users.create_logout_url("/")


def call_oauth(request):
    try:
        return oauth.get_current_user().email()
    except oauth.Error as error:
        return repr(error)


def call_runtime(request):
    runtime.set_shutdown_hook(lambda: None)
    thread = background_thread.BackgroundThread(target=lambda: None)
    thread.start()
    thread.join()
    return runtime.is_shutting_down()


def call_small_ones(request):
    namespace_manager.set_namespace("other")
    lib_config.register("own", {"a": 1})
    list(logservice.fetch())
    logservice.flush()
    return quota.get_request_cpu_usage(), namespace_manager.get_namespace()


def call_template(request):
    path = os.path.join(os.path.dirname(__file__), "page.html")
    return template.render(path, {"when": Note.query().get().when, "price": 3.14159})


CALLS = {
    name.partition("_")[2]: value
    for name, value in sorted(globals().items())
    if name.startswith("call_")
}


class Call(webapp2.RequestHandler):
    def get(self, name):
        self.response.content_type = "text/plain"
        try:
            self.response.write(f"ok {CALLS[name](self.request)!r}")
        except Exception:
            self.response.write(traceback.format_exc())


class List(webapp2.RequestHandler):
    def get(self):
        self.response.write(json.dumps(list(CALLS)))


class Modules(webapp2.RequestHandler):
    """Names the modules that come from the app's folder."""

    def get(self):
        folder = os.path.dirname(os.path.abspath(__file__))
        files = {
            name: getattr(module, "__file__", None) or ""
            for name, module in list(sys.modules.items())
        }
        own = [name for name, file in files.items() if file.startswith(folder)]
        self.response.write(json.dumps(sorted(own)))


class Raise(webapp2.RequestHandler):
    def get(self):
        raise ValueError("on purpose")


class Ran(webapp2.RequestHandler):
    def get(self):
        self.response.write("ran")

    post = get


class Upload(webapp2.RequestHandler):
    def get(self):
        self.response.write(blobstore.create_upload_url("/uploaded"))

    def post(self):
        self.redirect("/ran")


app = webapp2.WSGIApplication(
    [
        ("/", List),
        ("/call/(.*)", Call),
        ("/modules", Modules),
        ("/raise", Raise),
        ("/uploaded", Upload),
        ("/.*", Ran),
    ]
)
