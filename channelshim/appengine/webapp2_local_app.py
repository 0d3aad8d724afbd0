"""webapp2_extras.local_app: webapp2's own application has come to do the same."""

from __future__ import annotations

import webapp2

__all__ = ["WSGIApplication"]

WSGIApplication = webapp2.WSGIApplication
