"""Bytes on their way here: one file that is tried, gone on with, verified, named. Whatever its source."""
