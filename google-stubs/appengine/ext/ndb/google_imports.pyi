# scripts/stubs.py writes this file.
from channelshim.appengine.ext.ndb.google_imports import *
