"""DRF glue."""
