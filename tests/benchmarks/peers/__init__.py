"""Other tuners' real programs beside ours, on one simulated engine whose optimum is known: `make bench-peers`.

Every tool runs the same program named `vllm` (`shim`), which starts our simulated engine and writes down each
deployment. Deployments, crashes and how far each tool's winner is from the optimum are counted from those lines and
the winner that the tool names, not from what it says of itself.
"""
