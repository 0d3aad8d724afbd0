import logging
import os
import sys

# Values for libraries that ask lib_config.
beacon_ROOM_LIMIT = 3
beacon_PREFIX = 'b:'


def beacon_name_of(ident):
    return ident.split(':', 1)[1].title()


def webapp_add_wsgi_middleware(app):
    def counted(environ, start_response):
        def start(status, headers, exc_info=None):
            headers.append(('X-Middleware', 'on'))
            return start_response(status, headers, exc_info)
        return app(environ, start)
    return counted
