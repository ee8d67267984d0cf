"""The HTTP server's application and middleware."""
