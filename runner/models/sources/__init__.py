"""Where a model can come from: one file each. All of them verify before a file gets its name."""
