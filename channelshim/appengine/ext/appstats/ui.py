"""google.appengine.ext.appstats.ui: a page that says that nothing is recorded."""

from __future__ import annotations

import webapp2

from channelshim.appengine.ext.webapp import util

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
