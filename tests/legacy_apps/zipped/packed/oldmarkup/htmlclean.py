import sgmllib, htmlentitydefs, cgi
import cStringIO

class Cleaner(sgmllib.SGMLParser):
    """Keeps a few tags."""
    allowed = {'b': 1, 'i': 1, 'p': 1}

    def reset(self):
        sgmllib.SGMLParser.reset(self)
        self.out = cStringIO.StringIO()

    def unknown_starttag(self, tag, attrs):
        if self.allowed.has_key(tag):
            self.out.write('<%s>' % tag)

    def unknown_endtag(self, tag):
        if self.allowed.has_key(tag):
            self.out.write('</%s>' % tag)

    def handle_data(self, data):
        self.out.write(cgi.escape(data))

    def handle_entityref(self, name):
        if htmlentitydefs.name2codepoint.has_key(name):
            self.out.write('&%s;' % name)

def clean(html):
    parser = Cleaner()
    parser.feed(html)
    parser.close()
    return parser.out.getvalue()
