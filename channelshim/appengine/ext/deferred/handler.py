"""google.appengine.ext.deferred.handler: the script of old app.yaml files."""

from __future__ import annotations

from google.appengine.ext.deferred import deferred

from channelshim.appengine.ext.webapp import util

application = deferred.application


def main() -> None:
    """Run one deferred task, as CGI."""
    util.run_bare_wsgi_app(application)


if __name__ == "__main__":
    main()
