"""What is asked of an engine: lengths, prompts of exact length, the lines of traces and datasets. Not how it is sent:
every load generator of ours is handed the same requests."""
