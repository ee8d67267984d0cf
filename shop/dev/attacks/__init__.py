"""Attacks on a server in production mode; bystanders in another process measure latencies and refusals."""
