"""Former slugs. A redirect has the id of its object, so that chains and loops cannot arise; a slug in use wins."""

from collections.abc import Iterable

from bson import ObjectId
from django.db import models
from django.utils import timezone
from django_mongodb_backend.fields import ObjectIdField


class Kind(models.TextChoices):
    PRODUCT = "product"
    CATEGORY = "category"
    COLLECTION = "collection"


class SlugRedirect(models.Model):
    kind = models.CharField(max_length=10, choices=Kind)
    slug = models.CharField(max_length=220)
    target = ObjectIdField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["kind", "slug"], name="one_redirect_of_a_slug")]
        indexes = [models.Index(fields=["target"], name="redirects_to")]

    def __str__(self) -> str:
        return f"{self.kind} {self.slug}"


def leave_redirect(kind: Kind, *, former: str, slug: str, target: ObjectId) -> None:
    """Call it in the transaction that changes the slug, after its write: another change of the object conflicts there.

    The slug's last owner gets a redirect that another one left.
    """
    if former and former != slug and not SlugRedirect.objects.filter(kind=kind, slug=former).update(target=target):
        SlugRedirect.objects.create(kind=kind, slug=former, target=target)


def find_targets(kind: Kind, slugs: Iterable[str]) -> dict[str, ObjectId]:
    """Return ids by former slug."""
    return dict(SlugRedirect.objects.filter(kind=kind, slug__in=list(slugs)).values_list("slug", "target"))


def remove_redirects(target: ObjectId) -> None:
    SlugRedirect.objects.filter(target=target).delete()
