"""What google.appengine.ext.deferred lacks: `deferred.handler`."""
