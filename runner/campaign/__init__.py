"""Campaign files: YAML with line numbers, the schema (and its JSON Schema), the checks, the resolved campaign."""
