import imp
import inspect
import os
import pkgutil
import re
import sys
import traceback
from cStringIO import StringIO

import webapp2
from google.appengine.api import apiproxy_stub_map
from google.appengine.api.channel import channel as channel_module
from google.appengine.api.channel import channel_service_pb
from google.appengine.api.channel.channel import create_channel
from google.appengine.runtime import apiproxy_errors

import code
import pipeline
import plugins
from registry import *
from registry import Registry as R, OldStyle as O

errors = []
for loader, name, is_package in pkgutil.iter_modules(plugins.__path__):
    try:
        __import__('plugins.' + name)
    except ImportError as error:
        errors.append(str(error))


def lines(function):
    """Runs it with stdout caught; answers what was printed."""
    class Page(webapp2.RequestHandler):
        def get(self):
            out = sys.stdout = StringIO()
            try:
                try:
                    function(self)
                except Exception, e:
                    kind, value, tb = sys.exc_info()
                    print '%s: %s' % (kind.__name__, e)
                    print traceback.format_exc().splitlines()[0]
                    del tb
            finally:
                sys.stdout = sys.__stdout__
            self.response.headers['Content-Type'] = 'text/plain; charset=utf-8'
            self.response.write(out.getvalue())
    Page.__name__ = function.func_name
    return Page


def classes(page):
    print ' '.join(sorted(R.all.keys())), errors
    saw = R.all['saw'].make_saw(1, 2)
    print saw, `saw`, saw.teeth, unicode(saw) == str(saw).decode('utf-8')
    print saw.on_cut((7, 2)), saw.on_lambda((1, (2, 3))), hasattr(saw, 'when_cut')
    print [name for name in Saw if name[:3] == 'on_']
    try:
        Saw.unknown
    except AttributeError, (message,):
        print message
    scales = [Scale(3, 4), Scale(1), Scale(9, 9), Scale()]
    print sorted(scales), max(scales).total, Scale(7) == 7, Scale(2) < Scale(3)
    print [not s for s in scales], (Scale(7, 9) / 2).parts, scales[0].added_by
    s = Scale(1, 2, 3, 4)
    s[1:3] = [9]
    print s.parts, s[1:].parts, s[-1], 9 in s, len(s[:2])
    del s[:1]
    print s.parts, cmp(s, 0), {s: 'hash'}[s], s <> Scale(1)
    print R.all['drill']().on_run(3, 8, 5, more=1), oct(8), isinstance(s, Machine)


def old(page):
    one, other = O(a=1), Derived(a=1)
    print one.describe(), other.describe(), one.missing, O.count >= 2
    print one == O(a=1), is_class(O), is_class(one), callable(one.describe)
    print bind(lambda self, n: self.a + n, one)(41), O.describe.im_func is \
        O.__dict__['describe'], one.describe.im_self is one
    graft(one, 'def double(self, by=2):\n    return self.a * by / 3, `by`\n')
    print one.double(8), one.double.im_class is O, one.double.func_defaults
    print isinstance(one, O), issubclass(Derived, O), inspect.isclass(Derived)
    print inspect.getargspec(Saw.on_cut.im_func)[1:]


def run_pipeline(page):
    for result in pipeline.run():
        print result
    print ','.join(pipeline.log)


def dynamic(page):
    source = page.request.get('source').encode('utf-8').replace('\r', '')
    space = {'page': page, 'total': 0}
    exec source in space
    print sorted(k for k in space.keys() if not k.startswith('__'))
    print eval('total / 2', space), eval(compile('total * 1.5', 'x', 'eval'), space)
    exec 'a = 1; b = a / 2.0'
    print a, b
    exec compile('print "compiled %s" % total', '<page>', 'single') in space
    module = imp.new_module('made')
    exec open('legacy.inc') in module.__dict__
    print module.LIMIT, module.twice('x'), code.answer()
    legacy = imp.load_source('legacy', 'legacy.inc')
    print legacy.twice(3), sys.modules['legacy'] is legacy
    execfile('legacy.inc', space)
    print space['LIMIT'], sys.maxint > 2 ** 60, sys.version_info[0] < 3


def order(page):
    mixed = [3, None, 'b', 'a', (1,), [2], 1.5, {}]
    print sorted(mixed), min(mixed), None < 0 < 'a' < (), max(1, 'a')
    words = 'The quick Brown fox'.split()
    words.sort(lambda x, y: cmp(x.lower(), y.lower()))
    print words, sorted(words, cmp=lambda x, y: cmp(len(y), len(x)) or cmp(x, y))
    print map(lambda w: w.encode('rot13'), words), cmp([1, 2], [1, 'x'])
    print round(2.5), round(-7.0 / 2), 7 / 2, -7 / 2, 7 / 2., 7 // 2.0, 1e16, 1.1 * 3
    print '%s %r %d %5.1f%%' % (1.1 * 3, 0.5, 3.9, 99.55), str(1.0 / 3), repr(1e22)
    print hash('abc') == hash(u'abc'), 0xFFL, 0o17, int('077', 8), long('12L'[:-1]), hex(255), ~5
    print u'x' in {'x': 1}, 'a' u'b', type('a') == str, type(u'a') is unicode
    print isinstance('x', basestring), isinstance(2 ** 70, (int, long)), coerce(1, 2.0)
    print range(3), xrange(3)[1], divmod(-7, 2), chr(65) + unichr(66), ord('\xff')
    print "%(a)s-%(b)03d" % {'a': 'x', 'b': 7}, '%s' % (None,), '%s' % [u'a'.encode()]


def channels(page):
    """By the service's own messages, as a library for tests did."""
    request = channel_service_pb.CreateChannelRequest()
    request.set_application_key('work@shop.x')
    request.set_duration_minutes(5)
    response = channel_service_pb.CreateChannelResponse()
    service = channel_module._GetService()
    apiproxy_stub_map.MakeSyncCall(service, 'CreateChannel', request, response)
    print response.token()
    message = channel_service_pb.SendMessageRequest()
    message.set_application_key('work@shop.x')
    message.set_message('by hand')
    rpc = apiproxy_stub_map.UserRPC(service)
    rpc.make_call('SendChannelMessage', message,
                  __import__('google.appengine.api.api_base_pb', fromlist=['x'])
                  .VoidProto())
    rpc.wait()
    rpc.check_success()
    try:
        raise apiproxy_errors.ApplicationError(
            channel_service_pb.ChannelServiceError.INVALID_CHANNEL_KEY, 'bad')
    except apiproxy_errors.ApplicationError, e:
        print type(channel_module._ToChannelError(e)).__name__


def broken(page):
    try:
        raise KeyError, 'first'
    except KeyError:
        try:
            raise ValueError, 'second', sys.exc_info()[2]
        except (TypeError, ValueError), error:
            pass
    print error, error.args, error[0], error.message
    raise IndexError('a', 1)


app = webapp2.WSGIApplication(
    [('/' + name, lines(globals()[name])) for name in
     'classes old run_pipeline dynamic order channels broken'.split()], debug=True)
