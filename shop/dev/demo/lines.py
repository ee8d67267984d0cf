"""Replies as lines of text."""

from decimal import Decimal
from typing import Any


def money(order: dict[str, Any]) -> str:
    return f"{order['total']} {order['currency'].upper()}"


def product_lines(found: dict[str, Any]) -> list[str]:
    return [f"{product['price']:>8}  {product['name']}" for product in found["results"][:5]]


def variant_line(variant: dict[str, Any]) -> str:
    options = ", ".join(variant["options"].values())
    return (
        f"{variant['sku']:<22} {options:<16} {variant['price']:>7}  {'in stock' if variant['in_stock'] else 'sold out'}"
    )


def cart_lines(cart: dict[str, Any]) -> list[str]:
    lines = [f"{item['quantity']} x {item['product']['name']:<28} {item['line_total']:>8}" for item in cart["items"]]
    lines += [f"{each['label']:<32} -{each['amount']:>7}" for each in cart["discounts"] if Decimal(each["amount"])]
    return [*lines, f"total {cart['total']}"]


def method_line(method: dict[str, Any]) -> str:
    return f"{method['code']:<15} {method['price']:>6}  {method['description']}"


def total_lines(quote: dict[str, Any]) -> list[str]:
    amounts = [(name, quote[name]) for name in ("subtotal", "discount", "shipping")]
    amounts += [(f"{line['label']} {line['rate']}%", line["amount"]) for line in quote["tax_lines"]]
    return [f"{name:<10} {amount:>8}" for name, amount in (*amounts, ("total", quote["total"]))]


def timeline_lines(order: dict[str, Any]) -> list[str]:
    return [f"{entry['at'][11:19]}  {entry['event']:<16} by {entry['actor']}" for entry in order["timeline"]]
