"""Products with their variants as CSV and XLSX files: one row a variant, keyed by its SKU.

``formats`` turns files into rows of texts and back; ``columns`` says what each column shows of the database and takes
from a cell, for both directions; ``planning`` compares a file with the catalogue and stages every change as a plan;
``writing`` carries out a part of a plan; ``runs`` takes an import from its upload to its end, whatever is killed on
the way; ``export`` writes the files.

A change is a column, the text that an export would show now and the text that it would show then. The preview, the
check for other people's changes in the meantime and the writing all work on these three.
"""
