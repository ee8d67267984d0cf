"""Products as CSV and XLSX files, one row per variant, identified by SKU.

An import is uploaded (``runs``), compared with the catalog (``planning``), confirmed, and applied (``writing``).
"""
