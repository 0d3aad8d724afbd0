import os

print("Content-Type: text/plain")
print("")
print("cgi " + os.environ["PATH_INFO"])
