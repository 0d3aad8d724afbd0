import ConfigParser, StringIO

class Conf(ConfigParser.SafeConfigParser):
    def __init__(self, text, **defaults):
        ConfigParser.SafeConfigParser.__init__(self, defaults)
        self.readfp(StringIO.StringIO(text))

    def __getitem__(self, (section, name)):
        try:
            return self.get(section, name)
        except ConfigParser.NoOptionError, e:
            raise KeyError, '%s/%s' % (e.section, e.option)
