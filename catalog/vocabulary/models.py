from django.db import models
from django_mongodb_backend.fields import ArrayField


class SearchWord(models.Model):
    """A word of active products, see `catalog.vocabulary.upkeep`."""

    word = models.CharField(primary_key=True, max_length=64, db_column="_id")
    # Active products with the word, at the last count.
    products = models.PositiveIntegerField(default=0)
    # See `catalog.typing_errors`.
    keys = ArrayField(models.CharField(max_length=10), default=list)

    class Meta:
        indexes = [models.Index(fields=["keys", "-products"], name="search_word_keys")]

    def __str__(self) -> str:
        return self.word
