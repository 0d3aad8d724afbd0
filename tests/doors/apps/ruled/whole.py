"""The app as one WSGI application; settings are in the environment."""

import channelshim

app = channelshim.application(".")
