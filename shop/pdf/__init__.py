"""PDF documents: invoices, packing slips."""

from shop.pdf.document import Cell, Document

__all__ = ["Cell", "Document"]
