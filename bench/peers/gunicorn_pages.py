"""bench/apps/pages without channelshim: webapp2 on Google's SDK and its local stubs.

gunicorn loads `app` for all of it, and `bare` for a handler that needs no SDK.
"""

import importlib
import os
import sys

os.environ["APPENGINE_RUNTIME"] = "python27"
os.environ["APPLICATION_ID"] = "dev~bench"
sys.path.insert(0, os.environ["PAGES"])

from google.appengine.ext import ndb, testbed

bed = testbed.Testbed()
bed.activate()
bed.init_datastore_v3_stub()
bed.init_memcache_stub()

# Its models need the stubs.
pages = importlib.import_module("pages")
bare = pages.app


@ndb.toplevel
def app(environ, start_response):
    return pages.app(environ, start_response)
