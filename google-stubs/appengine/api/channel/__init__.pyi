# scripts/stubs.py writes this file.
from channelshim.appengine.api.channel import *
