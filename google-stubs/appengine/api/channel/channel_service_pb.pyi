# scripts/stubs.py writes this file.
from channelshim.appengine.api.channel.channel_service_pb import *
