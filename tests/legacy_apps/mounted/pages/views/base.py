import webapp2
from webapp2_extras import jinja2, json, sessions


class Base(webapp2.RequestHandler):
    def dispatch(self):
        self.session_store = sessions.get_store(request=self.request)
        try:
            webapp2.RequestHandler.dispatch(self)
        finally:
            self.session_store.save_sessions(self.response)

    @webapp2.cached_property
    def session(self):
        return self.session_store.get_session()

    @webapp2.cached_property
    def jinja2(self):
        return jinja2.get_jinja2(app=self.app)

    def show(self, template, **values):
        values['url_for'] = self.uri_for
        self.response.write(self.jinja2.render_template(template, **values))

    def answer(self, value):
        self.response.content_type = 'application/json'
        self.response.write(json.encode(value))
