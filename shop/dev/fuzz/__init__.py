"""Property-based tests of the API over HTTP, generated from its OpenAPI description."""
