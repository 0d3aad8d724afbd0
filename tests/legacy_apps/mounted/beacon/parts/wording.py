import os
import string


def greeting(name):
    return string.capitalize(os.environ['BEACON_GREETING']) + ', ' + name


def came(name):
    return string.join([name, 'came'])


def went(name):
    return '%s went' % (name,)
