"""SEAM: GPU probes. `cpu` is the one that finds none."""
