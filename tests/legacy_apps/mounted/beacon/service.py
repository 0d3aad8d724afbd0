import json

import webapp2

import beacon


class Presence(webapp2.RequestHandler):
    def post(self, what):
        method = {'connected': beacon.registry.came,
                  'disconnected': beacon.registry.went}.get(what)
        method(self.request.get('from'))


class Log(webapp2.RequestHandler):
    def get(self):
        self.response.headers['Content-Type'] = 'application/json'
        last = beacon.registry.log and beacon.registry.log[-1] or None
        self.response.write(json.dumps({'last': last,
                                        'file': __name__,
                                        'limit': beacon.config.ROOM_LIMIT}))


class Say(webapp2.RequestHandler):
    def post(self):
        beacon.shout(self.request.POST['text'])
        self.response.set_status(204)


app = webapp2.WSGIApplication([
    (r'/_ah/channel/(\w+)/', Presence),
    ('/_beacon/log', Log),
    ('/_beacon/say', Say),
])
