"""The product list. A page or a detail is one MongoDB command."""
