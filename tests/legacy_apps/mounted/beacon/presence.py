import os
import json
import threading
import urllib

from google.appengine.api import channel

from parts import wording
import parts.queue as queue


class Full(Exception):
    pass


class Registry(object):
    def __init__(self, config):
        self.config = config
        self.people = {}
        self.absent = {}
        self.lock = threading.Lock()
        self.log = queue.Ring(5)

    def open(self, name):
        ident = self.config.PREFIX + name
        with self.lock:
            everybody = self.people.items() + self.absent.items()
            if len(everybody) >= self.config.ROOM_LIMIT:
                raise Full('more than %d' % len(everybody))
            self.absent[ident] = 0
        return channel.create_channel(ident)

    def names(self):
        return map(self.config.name_of, sorted(self.people.keys()))

    def shout(self, text, but=None):
        message = json.dumps({'text': text, 'here': self.names()})
        for ident in self.people.keys():
            if ident != but:
                channel.send_message(ident, message)
        self.log.push(text)

    def came(self, ident):
        with self.lock:
            self.people[ident] = self.absent.pop(ident, 0) + 1
        # The new one hears it as well: it is connected by now.
        channel.send_message(ident, json.dumps(
            {'text': wording.greeting(self.config.name_of(ident))}))
        self.shout(wording.came(self.config.name_of(ident)), but=ident)

    def went(self, ident):
        with self.lock:
            for each in self.people.keys():
                if each == ident:
                    del self.people[each]
        self.shout(wording.went(self.config.name_of(ident)))
