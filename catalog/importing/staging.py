"""Rows of a file on disk, grouped by product, so that the memory of a check does not grow with the file."""

import errno
import json
import sqlite3
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from bson import ObjectId

from catalog.importing.rows import ProductRows, Row

_TABLES = """
CREATE TABLE rows (
    number INTEGER PRIMARY KEY, sku TEXT NOT NULL, key TEXT NOT NULL UNIQUE, slug TEXT NOT NULL, name TEXT NOT NULL,
    product TEXT, product_key TEXT
);
CREATE TABLE cells (number INTEGER PRIMARY KEY, texts TEXT NOT NULL);
CREATE TABLE slugs (slug TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_CACHE_KIB = 8 * 1024


class StagedRows:
    """A temporary SQLite database, which disappears with the process. Use as a context manager."""

    def __init__(self) -> None:
        # Without a name, SQLite uses an unlinked file.
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._db.executescript(_TABLES)
        self._db.execute("BEGIN")
        self.earlier_slugs = EarlierSlugs(self._db)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._db.close()
        if isinstance(error, sqlite3.OperationalError):
            raise OSError(errno.ENOSPC, f"temporary file: {error}") from error

    def add(self, row: Row, *, key: str, slug: str, name: str) -> int | None:
        """Return the number of an earlier row with this key, which is kept."""
        values = row.number, row.sku, key, slug, name
        inserted = self._db.execute(
            "INSERT INTO rows (number, sku, key, slug, name) VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
            values,
        )
        if not inserted.rowcount:
            return int(self._db.execute("SELECT number FROM rows WHERE key = ?", [key]).fetchone()[0])
        self._db.execute("INSERT INTO cells VALUES (?, ?)", [row.number, json.dumps(row.cells)])
        return None

    def set_products(self, products: Iterable[tuple[int, ObjectId]]) -> None:
        self._db.executemany(
            "UPDATE rows SET product = ? WHERE number = ?", [(str(product), number) for number, product in products]
        )

    def slugs_without_product(self, *, at_once: int) -> Iterator[list[str]]:
        """Yield the slugs of rows with unknown SKUs."""
        self._db.execute("CREATE INDEX row_slug ON rows (slug, number)")
        last = ""
        while found := self._db.execute(
            "SELECT DISTINCT slug FROM rows WHERE slug > ? AND product IS NULL ORDER BY slug LIMIT ?", [last, at_once]
        ).fetchall():
            yield [slug for (slug,) in found]
            last = found[-1][0]

    def set_products_by_slug(self, products: Iterable[tuple[str, ObjectId]]) -> None:
        """Set the products of rows with unknown SKUs."""
        self._db.executemany(
            "UPDATE rows SET product = ? WHERE slug = ? AND product IS NULL",
            [(str(product), slug) for slug, product in products],
        )

    def group(self) -> int:
        """Return the number of products. Unknown SKUs belong to the product that another row renames to their slug,
        else to a new one.
        """
        self._db.execute(
            "UPDATE rows SET product = (SELECT product FROM rows AS known WHERE known.slug = rows.slug AND "
            "known.product IS NOT NULL ORDER BY number DESC LIMIT 1) WHERE product IS NULL AND slug <> ''"
        )
        self._db.execute(
            "UPDATE rows SET product_key = CASE WHEN product IS NOT NULL THEN 'product ' || product "
            "WHEN slug <> '' THEN 'slug ' || slug ELSE 'name ' || name END"
        )
        self._db.execute("CREATE INDEX row_product ON rows (product_key, number)")
        self._db.execute(
            "CREATE TABLE products AS SELECT product_key, product, MIN(number) AS first FROM rows GROUP BY product_key "
            "ORDER BY first"
        )
        return int(self._db.execute("SELECT COUNT(*) FROM products").fetchone()[0])

    def products(self, *, most_rows: int) -> Iterator[ProductRows]:
        """Yield products by their first row, each with at most this many rows."""
        for key, product in self._db.execute("SELECT product_key, product FROM products ORDER BY rowid"):
            rows = self._db.execute(
                "SELECT number, sku, texts FROM rows JOIN cells USING (number) WHERE product_key = ? "
                "ORDER BY number LIMIT ?",
                [key, most_rows],
            )
            found = [Row(number, sku, json.loads(texts)) for number, sku, texts in rows]
            yield ProductRows(ObjectId(product) if product else None, found)


class EarlierSlugs:
    """The new slugs of a file."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __contains__(self, slug: object) -> bool:
        return self._db.execute("SELECT 1 FROM slugs WHERE slug = ?", [slug]).fetchone() is not None

    def add(self, slug: str) -> None:
        self._db.execute("INSERT OR IGNORE INTO slugs VALUES (?)", [slug])
