# scripts/stubs.py writes this file.
from channelshim.appengine.ext.webapp.blobstore_handlers import *
