# scripts/stubs.py writes this file.
from channelshim.appengine.ext.appstats import *
