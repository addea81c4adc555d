"""The search space: safe expressions, which parameters are active, points of it, and points resolved to configurations.

Pure: no clock, no I/O, no randomness but that of the generator a caller brings.
"""
