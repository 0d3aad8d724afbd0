print('Content-Type: text/plain')
print('')
print('before')
raise ValueError('on purpose')
