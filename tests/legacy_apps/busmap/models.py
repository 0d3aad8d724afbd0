# -*- coding: utf-8 -*-
from google.appengine.ext import ndb


class Bus(ndb.Model):
    line = ndb.IntegerProperty()
    place = ndb.GeoPtProperty()
    stop = ndb.StringProperty(indexed=False)
    late = ndb.FloatProperty(default=0.0)
    seen = ndb.DateTimeProperty(auto_now=True)

    def __unicode__(self):
        return u'№ %d → %s' % (self.line, self.stop)

    @property
    def ident(self):
        return self.key.id()


class Watcher(ndb.Model):
    """A page that is open."""
    user = ndb.UserProperty()
    lines = ndb.IntegerProperty(repeated=True)
