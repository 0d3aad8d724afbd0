import os

import beacon
from base import Base


class Index(Base):
    def get(self):
        self.show('index.html', site=os.environ['SITE_NAME'],
                  shared=os.environ.get('SHARED', ''), names=beacon.names())


class Room(Base):
    def get(self, name):
        try:
            token = beacon.open(name)
        except Exception as e:
            self.abort(503, detail=e.args[0])
        self.session['name'] = name
        self.show('room.html', name=name, token=token)
