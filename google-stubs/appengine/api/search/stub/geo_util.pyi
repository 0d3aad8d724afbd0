# scripts/stubs.py writes this file.
from google.appengine.api.search.geo_util import *
