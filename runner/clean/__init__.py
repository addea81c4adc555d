"""What tunebook keeps on this machine besides what was measured, and how it is taken away.

Never touched: sealed records, the store, its snapshot and rules, the site. Never while it is used: see `in_use`.
"""
