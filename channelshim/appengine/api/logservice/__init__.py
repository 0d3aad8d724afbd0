"""google.appengine.api.logservice: importable; the log is the terminal's."""

from channelshim.appengine.api.logservice import logservice as _inner

globals().update(
    {name: value for name, value in vars(_inner).items() if not name.startswith("_")}
)
