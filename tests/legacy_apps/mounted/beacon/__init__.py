"""A library: who is here?  Mount it by `includes: - beacon`.

    import beacon
    token = beacon.open(name)
    beacon.shout(text)
"""

from presence import Registry
from config import config

registry = Registry(config)
open = registry.open
shout = registry.shout
names = registry.names
