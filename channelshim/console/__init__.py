"""The admin console: see and steer a running app in the browser.

A page is one handler, one template and one test; `menu` lists them all. Pages read and
change the app through the contracts in `sources` alone. Nothing here is imported before
the first request to the console (docs/explanation/console.md).
"""
