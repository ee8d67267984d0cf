"""Benchmarks: ``wrk`` loads servers alternately (A B A B) from another core, so that disturbances affect all."""
