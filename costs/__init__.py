"""What the AWS side costs each month: prices and assumptions as data, bills, tables.

Knows nothing of what is provisioned; tests compare what both count on.
"""
