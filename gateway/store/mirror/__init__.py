"""`mirror.db`: what decisions need, copied from `store.db` into a file of the controller's own.

A row is copied through its declaration and gets a check sum; reading one whose sum is wrong raises.
"""
