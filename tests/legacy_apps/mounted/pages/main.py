import os

import webapp2
from webapp2 import Route
from webapp2_extras.routes import PathPrefixRoute, RedirectRoute

from google.appengine.api import namespace_manager

config = {'webapp2_extras.sessions': {'secret_key': 'not so secret'},
          'webapp2_extras.jinja2': {
              'template_path': os.path.join(os.path.dirname(__file__),
                                            'templates')}}

app = webapp2.WSGIApplication([
    Route('/', handler='pages.views.home.Index', name='home'),
    Route('/room/<name:[^/]+>', 'pages.views.home.Room', name='room'),
    PathPrefixRoute('/account', [
        Route('/visit', 'pages.views.account.Visit:visit'),
        Route('/forget', 'pages.views.account.Visit:forget',
              methods=['POST']),
    ]),
    RedirectRoute('/old/<name>', redirect_to_name='room', name='old'),
], config=config, debug=True)
