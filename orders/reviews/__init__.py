"""Product reviews by buyers."""
