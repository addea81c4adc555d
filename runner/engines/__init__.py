"""Engines in environments of their own: their dependencies clash with ours and with each other's.

A known engine is a TOML file here (`recipes`): adding one is one new file. An installed one is a folder of the cache
(`environments`), made by `install` and taken away by `remove`. `choice` finds the one that an entry of a campaign uses.
"""
