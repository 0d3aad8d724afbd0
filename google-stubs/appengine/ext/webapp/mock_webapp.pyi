# scripts/stubs.py writes this file.
from channelshim.appengine.ext.webapp.mock_webapp import *
