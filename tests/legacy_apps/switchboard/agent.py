# Runs on somebody's machine, not on the server.
import os, re, sys, nntplib

WINDOWS = ur'C:\users\name'
os.chmod(sys.argv[0], 0755)
print >>sys.stderr, re.sub(ur'\\', '/', WINDOWS)
