# scripts/stubs.py writes this file.
from google.appengine.api.taskqueue.taskqueue_service_pb import *
