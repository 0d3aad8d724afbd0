"""google.appengine.ext.appstats: importable; nothing is recorded."""
