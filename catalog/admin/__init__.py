from catalog.admin import categories, dashboard, imports, products, stock

__all__ = ["categories", "dashboard", "imports", "products", "stock"]
