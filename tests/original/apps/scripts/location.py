print('Location: /hello')
print('')
