"""google.appengine.ext.zipserve: static files out of a zip.

Source: SDK 1.9.88, ext/zipserve/__init__.py, for names, headers and defaults.
"""

from __future__ import annotations

import datetime
import email.utils
import functools
import mimetypes
import os
import zipfile

import webapp2

from channelshim.appengine.ext.webapp import util

__all__ = ["ZipHandler", "main", "make_zip_handler"]


def make_zip_handler(
    zipfilename: str, max_age: int | None = None, public: bool | None = None
) -> type[ZipHandler]:
    """Return a handler for one zip; its route has a group for the name in the zip.

    Args:
        zipfilename: from the app's folder.
        max_age: seconds for Cache-Control; None for the class's own.
        public: whether shared caches may keep the file; None for the class's own.
    """

    class CustomZipHandler(ZipHandler):
        def get(self, name: str) -> None:  # type: ignore[override]
            self.ServeFromZipFile(self.ZIPFILENAME, name)

        ZIPFILENAME = zipfilename

    if max_age is not None:
        CustomZipHandler.MAX_AGE = max_age
    if public is not None:
        CustomZipHandler.PUBLIC = public
    return CustomZipHandler


class ZipHandler(webapp2.RequestHandler):  # type: ignore[misc]
    """Serves `/PREFIX/NAME` out of PREFIX.zip.

    Attributes:
        MAX_AGE: seconds for Cache-Control.
        PUBLIC: whether shared caches may keep the file.
    """

    MAX_AGE: int = 600
    PUBLIC: bool = True

    def get(self, prefix: str, name: str) -> None:
        """Answer with a file out of a zip."""
        self.ServeFromZipFile(f"{prefix}.zip", name)

    def ServeFromZipFile(self, zipfilename: str, name: str) -> None:
        """Answer with a file out of a zip, or 404."""
        if os.path.isabs(zipfilename) or ".." in zipfilename.split("/"):
            self.NotFound()
            return
        try:
            archive = _opened(zipfilename, os.stat(zipfilename).st_mtime_ns)
            data = archive.read(name)
        except (OSError, KeyError, zipfile.BadZipFile, RuntimeError):
            self.NotFound()
            return
        kind, _ = mimetypes.guess_type(name)
        self.response.content_type = kind or "text/plain"
        self.SetCachingHeaders()
        self.response.body = data

    def NotFound(self) -> None:
        """Answer 404."""
        self.error(404)
        self.response.write("Not Found")

    def SetCachingHeaders(self) -> None:
        """Add the headers that say how long the answer may be kept."""
        now = datetime.datetime.now(datetime.timezone.utc)
        expires = now + datetime.timedelta(seconds=self.MAX_AGE)
        self.response.headers["Expires"] = email.utils.format_datetime(
            expires, usegmt=True
        )
        who = "public" if self.PUBLIC else "private"
        self.response.headers["Cache-Control"] = f"{who}, max-age={self.MAX_AGE}"


@functools.lru_cache(maxsize=16)
def _opened(zipfilename: str, modified_at: int) -> zipfile.ZipFile:
    """Return an open zip; it is opened again when its file has changed."""
    return zipfile.ZipFile(zipfilename)


app = webapp2.WSGIApplication([(r"/([^/]+)/(.*)", ZipHandler)])


def main() -> None:
    """Serve every zip in the app's folder, as CGI."""
    util.run_bare_wsgi_app(app)
