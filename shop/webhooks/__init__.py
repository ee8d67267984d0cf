"""Outgoing webhooks by the Standard Webhooks specification, https://www.standardwebhooks.com.

A delivery is a row, written in the transaction that numbers its change. Workers send the due ones: at least once, and
per endpoint and object one after another.
"""
