"""`python -m runner` is `tunebook`."""

from runner.cli import main

main()
