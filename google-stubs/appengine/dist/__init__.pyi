# scripts/stubs.py writes this file.
from channelshim.appengine.dist import *
