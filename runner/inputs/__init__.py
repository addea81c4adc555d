"""Files of requests that a workload names: found or fetched, checked, and written as lines that a load generator reads.

The texts of a dataset stay in the user's own file and in the cache: no record, store or log ever holds one.
"""
