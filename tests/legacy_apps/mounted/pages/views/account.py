import os

from base import Base


class Visit(Base):
    def visit(self):
        count = self.session.get('count') or 0
        self.session['count'] = count + 1
        # The library is linked into the folder under its other name, too.
        linked = os.listdir('library')
        self.answer({'count': self.session['count'] / 2.0,
                     'half': self.session['count'] / 2,
                     'name': self.session.get('name'),
                     'linked': 'include.yaml' in linked})

    def forget(self):
        for key in self.session.keys():
            del self.session[key]
        self.answer('gone')
