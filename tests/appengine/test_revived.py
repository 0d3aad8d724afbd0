"""Modules of the old SDK that work again: search, zipserve, deferred and others."""

from __future__ import annotations

import sys
import types
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import webapp2
import webob

from channelshim import appengine

appengine.install("revived")

from google.appengine.api import backends, modules, namespace_manager  # noqa: E402
from google.appengine.ext import db, deferred, search, testbed, zipserve  # noqa: E402
from google.appengine.ext.webapp import mail_handlers, mock_webapp  # noqa: E402


@pytest.fixture
def bed() -> Iterator[Any]:
    bed = testbed.Testbed()
    bed.activate()
    bed.init_datastore_v3_stub(use_sqlite=True)
    bed.init_memcache_stub()
    yield bed
    bed.deactivate()


class Essay(search.SearchableModel):
    title = db.StringProperty()
    text = db.TextProperty()
    tags = db.StringListProperty()
    size = db.IntegerProperty()


class Titled(search.SearchableModel):
    title = db.StringProperty()
    text = db.TextProperty()

    @classmethod
    def SearchableProperties(cls) -> list[list[str]]:
        return [["title"]]


def test_models_are_found_by_their_words(bed: Any) -> None:
    Essay(title="On Ferries", text="Boats, and harbours.", tags=["sea"], size=1).put()
    Essay(title="On trams", text="Rails in a street", tags=["Land"], size=2).put()

    def found(words: str) -> list[str]:
        return sorted(each.title for each in Essay.all().search(words))

    assert found("ferries") == ["On Ferries"]
    assert found("HARBOURS boats") == ["On Ferries"]
    assert found("rails, boats") == []
    assert found("land") == ["On trams"]
    assert [each.title for each in Essay.all().search("sea").filter("size", 1)]
    entity = Essay.all().search("trams").get()
    assert entity.title == "On trams"
    entity.title = "Buses"
    entity.put()
    assert (found("trams"), found("buses rails")) == ([], ["Buses"])


def test_only_the_properties_that_a_model_names_are_searched(bed: Any) -> None:
    Titled(title="harbour", text="boats").put()
    assert Titled.all().search("harbour").count() == 1
    assert Titled.all().search("boats").count() == 0


def test_zip_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile("files.zip", "w") as archive:
        archive.writestr("a/b.css", "body {}")
    handler = zipserve.make_zip_handler("files.zip", max_age=7, public=False)
    app = webapp2.WSGIApplication(
        [("/own/(.*)", handler), ("/([^/]+)/(.*)", zipserve.ZipHandler)]
    )
    answer = _ask(app, "/files/a/b.css")
    assert (answer.status_int, answer.body) == (200, b"body {}")
    assert answer.content_type == "text/css"
    assert answer.headers["Cache-Control"] == "public, max-age=600"
    own = _ask(app, "/own/a/b.css")
    assert own.headers["Cache-Control"] == "private, max-age=7"
    for path in ("/files/missing", "/missing/x", "/../x", "/own/../files.zip"):
        assert _ask(app, path).status_int == 404


def _ask(app: Any, path: str) -> webob.Response:
    # webapp2's own response would say what it says by default.
    return webob.Request.blank(path).get_response(app)


ran: list[str] = []


def work(what: str) -> None:
    if what == "once more":
        raise deferred.SingularTaskFailure()
    if what == "never":
        raise deferred.PermanentTaskFailure()
    ran.append(what)


@pytest.mark.parametrize(
    ("what", "status"), [("done", 200), ("once more", 408), ("never", 200)]
)
def test_task_handler_runs_deferred_tasks_at_any_address(
    bed: Any, what: str, status: int
) -> None:
    app = webapp2.WSGIApplication([("/own", deferred.TaskHandler)])
    request = webapp2.Request.blank("/own", POST=b"")
    request.body = deferred.serialize(work, what)
    request.environ["SERVER_SOFTWARE"] = "Development/2.0"
    assert request.get_response(app).status_int == 403
    request.headers["X-AppEngine-TaskName"] = "task"
    ran.clear()
    assert request.get_response(app).status_int == status
    assert ran == (["done"] if what == "done" else [])


def test_bounces_reach_their_handler() -> None:
    seen: list[Any] = []

    class Bounced(mail_handlers.BounceNotificationHandler):
        def receive(self, notification: Any) -> None:
            seen.append(notification)

    app = webapp2.WSGIApplication([Bounced.mapping()])
    form = {
        "original-to": "a@b.c",
        "notification-subject": "no such person",
        "raw-message": "Subject: returned\r\n\r\nx",
    }
    assert app.get_response("/_ah/bounce", POST=form).status_int == 200
    (notification,) = seen
    assert notification.original["to"] == "a@b.c"
    assert notification.notification["subject"] == "no such person"
    assert notification.original_raw_message.subject == "returned"


def test_backend_is_a_module_of_its_name(
    bed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (backends.get_backend(), backends.get_instance()) == (None, None)

    def get_hostname(module: str, instance: Any = None) -> str:
        if module != "worker":
            raise modules.InvalidModuleError()
        if instance is not None:
            raise modules.InvalidInstancesError()
        return "localhost:8081"

    monkeypatch.setattr(modules, "get_hostname", get_hostname)
    assert backends.get_url("worker") == "http://localhost:8081"
    for name in ("nobody", None):
        with pytest.raises(backends.InvalidBackendError):
            backends.get_hostname(name)
    with pytest.raises(backends.InvalidInstanceError):
        backends.get_hostname("worker", 3)
    monkeypatch.setenv("BACKEND_ID", "worker")
    assert (backends.get_backend(), backends.get_instance()) == ("worker", 0)


def test_namespace_hook_is_asked_where_none_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import contextvars

    from google.appengine.api import lib_config

    monkeypatch.setitem(sys.modules, "appengine_config", types.ModuleType("config"))
    config = lib_config.register("namespace_manager_", {})
    monkeypatch.setattr(
        config, "default_namespace_for_request", lambda: "tenant", raising=False
    )

    def look() -> list[str]:
        before = namespace_manager.get_namespace()
        namespace_manager.set_namespace("")
        return [before, namespace_manager.get_namespace()]

    assert contextvars.Context().run(look) == ["tenant", ""]


def test_mock_request_has_parameters() -> None:
    request = mock_webapp.MockRequest()
    request.set_url("/page?n=12&m=x")
    request.set("several", ["a", "b"])
    assert (request.get("n"), request.get_all("several")) == ("12", ["a", "b"])
    assert request.get_range("n", max_value=9) == 9
    assert request.get_range("m", default=3) == 3
    assert request.get("none", "default") == "default"
    assert request.url == "http://foo.com/page?n=12&m=x&several=a&several=b"
    response = mock_webapp.MockResponse()
    response.set_status(404, "gone")
    assert response.has_error()


def test_missing_configuration_is_no_warning(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    import contextvars

    # Of an app that another test has loaded in this process.
    monkeypatch.delitem(sys.modules, "appengine_config", raising=False)
    assert contextvars.Context().run(namespace_manager.get_namespace) == ""
    assert "appengine_config" not in sys.modules
    assert caplog.records == []
