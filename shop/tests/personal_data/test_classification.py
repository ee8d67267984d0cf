"""Every text field is classified."""

import pytest

from shop.tests.personal_data.classification import CLASSIFIED, NO_CANARIES
from shop.tests.personal_data.fields import stored_models, text_fields

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_text_field_is_classified() -> None:
    fields = {field for model in stored_models() for field in text_fields(model)}
    assert fields == set(CLASSIFIED), "say in CLASSIFIED what becomes of it when an account is deleted"
    assert set(CLASSIFIED) >= NO_CANARIES
