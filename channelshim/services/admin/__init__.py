"""What an administrator does with the services: plain texts and records in and out.

Functions for the admin console; they run with an app's environment, as a request of it
does. What the app stored may be anything at all: nothing in here raises for it.
"""
