import re, string

def rule(pattern, replacement, flags = 0):
    return re.compile(pattern, flags), replacement

RULES = [
    rule(r'\*([^*]+)\*', r'<b>\1</b>'),
    rule(r'\b_(\w+)_\b', r'<i>\1</i>', re.UNICODE),
    rule(ur'(https?://[^\s<>"]+)', r'<a href="\1">\1</a>'),
    rule('--', u'\u2013'),
]
DIGITS = string.joinfields(map(str, range(10)), '')
