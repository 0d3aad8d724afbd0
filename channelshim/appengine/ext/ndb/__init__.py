"""What google.appengine.ext.ndb lacks."""
