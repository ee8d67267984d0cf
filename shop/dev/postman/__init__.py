"""A collection of requests for Postman, Newman and Bruno, generated from the OpenAPI description and a journey."""
