import string
from types import *

class ParserError(Exception): pass

class Parser:
    def __init__(self, rules):
        self.rules = rules
        self.out = []
        self.open = None

    def __getattr__(self, name):
        # do_text, do_item and so on
        if name[:3] == 'do_':
            raise AttributeError, name
        return self.__dict__[name]

    def run(self, text):
        blocks = string.split(string.strip(text), '\n\n')
        for block in blocks:
            kind = 'text'
            if block[:2] == '- ': kind = 'items'
            elif block[:1] == '=': kind = 'title'
            apply(getattr(self, 'do_' + kind), (block,))
        return string.join(self.out, '\n')

    def inline(self, text):
        text = text.replace('&', '&amp;').replace('<', '&lt;')
        for pattern, replacement in self.rules:
            text = pattern.sub(replacement, text)
        return text

    def do_text(self, block):
        self.out.append('<p>%s</p>' % self.inline(block))

    def do_items(self, block):
        items = [line[2:] for line in block.split('\n') if line[:2] == '- ']
        if len(items) <> len(block.split('\n')):
            raise ParserError, ('mixed block', block)
        self.out.append('<ul>%s</ul>' % string.join(
            map(lambda i, f=self.inline: '<li>' + f(i) + '</li>', items), ''))

    def do_title(self, block):
        level = 0
        while block[level:level + 1] == '=': level += 1
        self.out.append('<h%(n)d>%(t)s</h%(n)d>' % {
            'n': level, 't': self.inline(block[level:].strip())})
