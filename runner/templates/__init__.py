"""Files that `tunebook new --project` writes, as they are: the skeleton of a project and the recipes for CI.

A recipe holds no placeholder, so that the guide shows byte for byte what a project gets. In `project/` a few
`@words@` are filled in by `runner.cli._project`.
"""
