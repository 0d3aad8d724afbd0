from google.appengine.api import lib_config


class ConfigDefaults(object):
    ROOM_LIMIT = 10
    PREFIX = ''
    GREETING = 'hi'

    def name_of(ident):
        return ident


config = lib_config.register('beacon', ConfigDefaults.__dict__)
