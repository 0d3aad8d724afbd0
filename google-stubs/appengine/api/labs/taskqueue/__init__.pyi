# scripts/stubs.py writes this file.
from google.appengine.api.taskqueue import *
