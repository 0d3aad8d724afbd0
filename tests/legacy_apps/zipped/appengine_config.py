import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
for entry in ('libs.zip', 'vendored'):
    path = os.path.join(here, entry)
    if path not in sys.path:
        sys.path.insert(0, path)
