from django.db.models import Model

class EmbeddedModel(Model):
    class Meta:
        abstract = True
