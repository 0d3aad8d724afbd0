# vim: set fileencoding=latin-1 :
# Prices are in ¤ cents; written on another machine, hence the line ends.
import re

SIGN = '¤'

def parse(line, pattern):
    if type(line) is str:
	line = line.decode('latin-1')
    match = re.match(pattern, line, re.U)
    if match is None:
	raise ValueError, 'no dish: ' + `line`
    name, price = match.groups()
    return name.encode('latin-1'), int(price)

def format(price):
    return '%d.%02d EUR' % (price / 100, price % 100)
