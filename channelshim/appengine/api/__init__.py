"""google.appengine.api."""
