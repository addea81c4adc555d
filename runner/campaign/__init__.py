"""Campaign files: schema, loader with line numbers, JSON Schema."""
