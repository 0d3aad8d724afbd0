# For finding out what the server sets.
import os, sys
import simplejson

print "Content-Type: text/plain"
print
for name in ('REQUEST_METHOD', 'PATH_INFO', 'QUERY_STRING', 'SERVER_NAME',
             'SERVER_PROTOCOL', 'APPLICATION_ID'):
    print '%-16s %r' % (name, os.environ[name].split('~')[-1])
print os.getcwd() == os.path.dirname(os.path.abspath(__file__)), __name__
print simplejson.dumps({u'\xe9': [1, None]}), simplejson.loads('"\xc3\xa9"') == u'\xe9'
print sys.version_info[:2] >= (2, 5), os.environ.has_key('CURRENT_VERSION_ID')
if os.environ['REQUEST_METHOD'] == 'POST':
    print repr(sys.stdin.read(int(os.environ['CONTENT_LENGTH'])))
