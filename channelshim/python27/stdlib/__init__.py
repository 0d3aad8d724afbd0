"""Python 2.7's standard library where Python 3's has other names or other meanings.

One file for each module, or for a few of one theme; `table.py` says which file stands
over which module. The public names of a file (`__all__`) are what an app sees first.
"""
