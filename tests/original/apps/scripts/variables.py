import os

print('Content-Type: text/plain')
print('')
for name in ('GATEWAY_INTERFACE', 'REQUEST_METHOD', 'QUERY_STRING', 'PATH_INFO',
             'SCRIPT_NAME', 'CONTENT_LENGTH', 'CONTENT_TYPE', 'SERVER_PROTOCOL',
             'APPLICATION_ID', 'AUTH_DOMAIN', 'HTTP_X_OWN', 'USER_EMAIL'):
    print('%s=%s' % (name, os.environ.get(name)))
