"""Which engine computes the draws: one number, for all that imports no JAX too."""

ENGINE_REVISION = 1
"""Raise it by one with every change after which the same request gives other draws, be they better or worse: a change
of `tacit.inference`, of how `tacit.ppl` runs a program, or of what a new version of JAX or NumPyro computes. A change
that leaves every draw as it was, as of speed or of messages, leaves it alone.

It is part of the fingerprint of a fit, so no request is answered by a fit that another engine made, and of every
checkpoint, so no fit is begun by one engine and ended by another. `tests/inference/test_engine_revision.py` fails when
draws have changed, and says what to do.
"""
