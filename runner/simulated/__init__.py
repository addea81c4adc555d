"""One simulated world: a real HTTP server with a known performance surface, a memory model and scripted faults.

`python -m runner.simulated.server --host H --port P --model NAME` is an inference engine that computes nothing and
otherwise behaves like one: it loads, answers 503 meanwhile, streams tokens on an exact schedule, counts, queues,
runs out of memory and dies. Everything that needs an engine without hardware goes through this one door.
"""
