"""google.appengine.ext.appstats.ui: a page that says that nothing is recorded."""

from __future__ import annotations

from typing import Any

import webapp2

from channelshim.appengine.ext.webapp import util
from channelshim.compat.refused_modules import refusing_name

_NAME = "google.appengine.ext.appstats.ui"
_SENTENCE = "Appstats records nothing here.\n"


class SummaryHandler(webapp2.RequestHandler):  # type: ignore[misc]
    """Answers every address of the pages."""

    def get(self, *_: str) -> None:
        """Say so."""
        self.response.headers["Content-Type"] = "text/plain"
        self.response.write(_SENTENCE)


app = webapp2.WSGIApplication([("/.*", SummaryHandler)])


def main() -> None:
    """Run the page as CGI."""
    util.run_bare_wsgi_app(app)


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return refusing_name(f"{_NAME}.{name}", "nothing is recorded")
