"""HTTP: RSGI application, thread pools and request bodies."""
