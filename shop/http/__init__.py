"""HTTP: the server's application, its thread pools and request bodies."""
