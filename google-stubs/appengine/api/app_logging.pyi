# scripts/stubs.py writes this file.
from channelshim.appengine.api.app_logging import *
