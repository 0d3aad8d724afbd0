"""google.appengine.ext.preload: importable; modules are loaded when they are needed."""
