"""Glue between the shop and Django REST framework."""
