import cgi

form = cgi.FieldStorage()
print('Content-Type: text/plain')
print('')
for name in sorted(form.keys()):
    print('%s=%s' % (name, form.getlist(name)))
