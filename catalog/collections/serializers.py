from rest_framework import serializers

from catalog.collections.models import Collection
from catalog.seo import ShownSEOSerializer
from shop.media.fields import ImageURLField


class CollectionSerializer(serializers.ModelSerializer):
    image = ImageURLField()
    seo = ShownSEOSerializer(source="*", read_only=True)

    class Meta:
        model = Collection
        fields = ["id", "name", "slug", "description", "image", "seo"]
