from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator


def errors_in(description: dict[str, Any]) -> list[str]:
    return [str(error) for error in OpenAPIV31SpecValidator(description).iter_errors()]
