"""Proofs that take an hour rather than minutes: `make prove`.

They run what the tests run, more often and with more photos. Each figure is kept as soon as it is
there, so that a proof can be stopped and gone on with at any time.
"""
