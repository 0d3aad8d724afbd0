"""The broker of several processes and machines, over Redis.

Nothing of it is imported before a setting asks for it. Its data model and what each
part promises are in docs/explanation/redis.md.
"""
