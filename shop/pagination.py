"""Pages as the contract has them: ``count, next, previous, results`` by ``page`` and ``page_size``."""

from rest_framework import pagination


class PageNumberPagination(pagination.PageNumberPagination):
    page_size = 20
    page_size_query_param = "page_size"
    max_page_size = 100
