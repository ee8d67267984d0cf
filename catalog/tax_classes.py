from django.db import models


class TaxClass(models.TextChoices):
    """Determines a product's tax rate in each place."""

    STANDARD = "standard", "Standard"
    REDUCED = "reduced", "Reduced"
    ZERO = "zero", "Zero"
