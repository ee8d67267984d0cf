"""Import and export of products as CSV and XLSX files, one row per variant, identified by SKU.

``formats`` parses and writes files; ``columns`` converts cells to and from model fields; ``planning`` compares a file
with the catalogue and stores the changes as a plan; ``writing`` applies steps of a plan; ``runs`` is the life cycle of
an import, resumable after a crash; ``export`` writes files.

A change is a column, its exported text before and its exported text after. Preview, conflict detection and writing all
use this triple.
"""
