print('<p>no headers at all</p>')
