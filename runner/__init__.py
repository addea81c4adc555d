"""tunebook's runner: executes campaigns and records every attempt."""

__version__ = "0.1.0"
