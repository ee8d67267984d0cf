from catalog.admin import categories, collections, dashboard, imports, products, stock

__all__ = ["categories", "collections", "dashboard", "imports", "products", "stock"]
