def webapp_add_wsgi_middleware(app):
    def middleware(environ, start_response):
        def start(status, headers, *more):
            return start_response(status, [*headers, ("X-Middleware", "here")], *more)

        return app(environ, start)

    return middleware
