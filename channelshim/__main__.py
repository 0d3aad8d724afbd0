"""python -m channelshim."""

import os
import sys

if __name__ == "__main__":
    # Python puts the current folder there. Where that is an app's, its files would
    # answer our imports; the command `channelshim` has no such entry.
    if sys.path[:1] == [os.getcwd()]:
        del sys.path[0]
    from channelshim.cli.entry import channelshim

    channelshim()
