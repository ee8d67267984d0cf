"""The starter storefront in ``site/``, a static single-page application, and its serving in development."""
