"""Attempts between order and record: in a slot of this process, or on a machine of a cluster and on their way home.

`flights` is the driver's end of all of them, `nodes` says which machines take part, `home` brings records from there,
`watched` is what the driver knows of one that is away; `there` is what a machine does when it is asked.
"""
