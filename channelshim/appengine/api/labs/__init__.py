"""google.appengine.api.labs: where taskqueue stood before it was finished."""
