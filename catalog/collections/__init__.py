"""Hand-sorted groups of products.

`Product.collections` says which; a ``CollectionItem`` has the product's place, so that an index has the order. Both are
written together, see ``membership``.
"""
