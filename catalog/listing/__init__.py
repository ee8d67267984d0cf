"""The product list: filters, search, pages, facets, replies. A page or a detail is one MongoDB command."""
