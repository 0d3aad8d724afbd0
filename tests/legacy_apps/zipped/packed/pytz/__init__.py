'''Named like a library that may be installed, and older than any.'''

import datetime, sys
import os.path
import zones

VERSION = '2004b-own'

class FixedZone(datetime.tzinfo):
    def __init__(self, name, minutes):
        self.zone, self._minutes = name, minutes

    def utcoffset(self, dt): return datetime.timedelta(minutes = self._minutes)
    def dst(self, dt): return datetime.timedelta(0)
    def tzname(self, dt): return self.zone

def open_resource(name):
    from cStringIO import StringIO
    loader = globals().get('__loader__')
    path = os.path.join(os.path.dirname(__file__), 'zones', name)
    if loader is not None and hasattr(loader, 'get_data'):
        return StringIO(loader.get_data(path))
    return open(path, 'rb')

def timezone(name):
    module = __import__('pytz.zones.' + name.lower(), None, None, ['MINUTES'])
    line = open_resource('table.txt').readline()
    assert line.strip() == '# zones'
    return FixedZone(module.NAME, module.MINUTES)
