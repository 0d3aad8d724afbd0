"""The app as a program of somebody's own has it; settings are in the environment."""

import channelshim

channelshim.install()

import ruled  # noqa: E402

app = channelshim.wrap(ruled.app)
