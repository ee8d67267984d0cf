"""Fields in the OpenAPI description: rules beyond types, alternatives, descriptions, and what replies always have."""

from typing import Any, NamedTuple

from drf_spectacular.plumbing import ResolvedComponent
from rest_framework.fields import Field, ListField, empty
from rest_framework.serializers import ListSerializer, Serializer

from shop.api.glossary import GLOSSARY
from shop.api.optional_nulls import OptionalNulls, takes_null

Schema = dict[str, Any]
NULL: Schema = {"type": "null"}


class Alternative(NamedTuple):
    """One of the forms of a body, as the schema ``name``: fields that it requires, and fields that it describes anew.

    A serializer lists those of its bodies in ``alternatives``. Each body must match exactly one. The body of a PATCH
    is not split.
    """

    name: str
    required: tuple[str, ...] = ()
    fields: Schema = {}


def describe_fields(result: Schema, generator: Any, request: Any, public: bool) -> Schema:
    """Add rules of request fields beyond their types and validators, required reply fields, and descriptions."""
    for name, schema in result["components"]["schemas"].items():
        serializer = generator.registry[name, ResolvedComponent.SCHEMA].object
        if not isinstance(serializer, Serializer):
            continue
        if not vars(type(serializer)).get("__doc__"):
            # Inherited from a base class, which may be about something else.
            schema.pop("description", None)
        add_descriptions(schema.get("properties", {}), serializer)
        if not name.endswith("Request"):
            _describe_reply(schema, serializer)
            continue
        fields = schema.get("properties", {})
        plain = {field: _with_rules(serializer.fields[field], fields[field]) for field in fields}
        schema["properties"] = {field: _or_null(serializer.fields[field], plain[field]) for field in fields}
        alternatives = () if name.startswith("Patched") else getattr(serializer, "alternatives", ())
        if alternatives:
            forms = [_named(each.name, _alternative(schema, plain, each)) for each in alternatives]
            for form in forms:
                generator.registry.register_on_missing(form)
                if generator.registry[form.name, ResolvedComponent.SCHEMA].schema != form.schema:
                    raise ValueError(f"{type(serializer).__name__}: another body has the alternative {form.name}.")
            text = schema.get("description", "One of these.")
            # In place: the next hook reads the registry.
            schema.clear()
            schema |= {"oneOf": [form.ref for form in forms], "description": text}
        else:
            schema |= getattr(serializer, "extra_schema", {})
    return result


def unwrap_references(result: Schema, generator: Any, request: Any, public: bool) -> Schema:
    """Write references with a description as OpenAPI 3.1 does, without the `allOf` that 3.0 needed.

    Ids and amounts, which most schemas have, become schemas of their own.
    """
    shared: dict[str, Schema] = {}
    _unwrap(result["components"]["schemas"], shared)
    _unwrap(result["paths"], {})
    result["components"]["schemas"] |= dict(sorted(shared.items()))
    return result


def _unwrap(part: Any, shared: dict[str, Schema]) -> None:
    for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        _unwrap(each, shared)
    if not isinstance(part, dict):
        return
    if isinstance(part.get("allOf"), list) and len(part["allOf"]) == 1:
        (only,) = part.pop("allOf")
        part |= {**only, **part}
    if part.get("type") == "string" and (name := _shared_name(part)):
        found = {key: part.pop(key) for key in ("type", "format", "pattern", "examples") if key in part}
        if shared.setdefault(name, {**found, "description": _SHARED[name]}) != {**found, "description": _SHARED[name]}:
            part |= found
        else:
            part["$ref"] = f"#/components/schemas/{name}"


_SHARED = {
    "ObjectId": "Identifier of 24 hexadecimal digits.",
    "Amount": "Amount in a reply, with the decimals of the currency.",
    "AmountInput": "Amount in a request, with at most the decimals of the currency.",
}


def _shared_name(schema: Schema) -> str:
    if "pattern" not in schema or "examples" not in schema:
        return ""
    if schema["pattern"] == "^[0-9a-f]{24}$":
        return "ObjectId"
    if schema.get("format") != "decimal":
        return ""
    return "Amount" if schema["pattern"].startswith(r"^\d+") else "AmountInput"


def _named(name: str, schema: Schema) -> ResolvedComponent:
    return ResolvedComponent(name=name, type=ResolvedComponent.SCHEMA, schema=schema, object=name)


def _alternative(schema: Schema, plain: dict[str, Schema], alternative: Alternative) -> Schema:
    described = {
        name: {"description": plain[name].get("description", ""), **field} for name, field in alternative.fields.items()
    }
    needed = {name: plain[name] for name in alternative.required}
    required = [*schema.get("required", ()), *alternative.required]
    of_all = {name: value for name, value in schema.items() if name not in ("properties", "required", "description")}
    return {
        **of_all,
        "properties": {**schema["properties"], **described, **needed},
        **({"required": sorted(set(required))} if required else {}),
    }


def add_descriptions(fields: dict[str, Schema], serializer: Serializer) -> None:
    """Describe fields by ``descriptions`` of the serializer's classes, or else by the glossary."""
    own: dict[str, str] = {}
    for base in reversed(type(serializer).__mro__):
        own |= vars(base).get("descriptions", {})
    for name, field in fields.items():
        text = own.get(name) or field.get("description") or GLOSSARY.get(name)
        field.pop("title", None)
        if text:
            field["description"] = text


def _describe_reply(schema: Schema, serializer: Serializer) -> None:
    fields = schema.get("properties", {})
    for field in fields.values():
        # The component is of replies only.
        field.pop("readOnly", None)
    sometimes = {*getattr(serializer, "staff_only", ()), *getattr(serializer, "sometimes_absent", ())}
    if always := [name for name in fields if name not in sometimes]:
        schema["required"] = always


def length_limits(field: Any) -> Schema:
    """Return the limits of a list."""
    if not isinstance(field, ListSerializer | ListField):
        return {}
    limits = {"minItems": 0 if field.allow_empty else 1, "maxItems": getattr(field, "max_length", None)}
    return {name: limit for name, limit in limits.items() if limit}


def _with_rules(field: Field, schema: Schema) -> Schema:
    schema = {**length_limits(field), **schema}
    schema = {**schema, **({} if isinstance(field, Serializer) else getattr(field, "extra_schema", {}))}
    schema.pop("writeOnly", None)
    # Generators of clients take a field with a default for a required one.
    if schema.pop("default", empty) not in (empty, "") and field.default not in (empty, ""):
        text = str(field.default).lower() if isinstance(field.default, bool) else field.default
        schema["description"] = f"{schema.get('description', '')} `{text}` if absent.".strip()
    return schema


def _or_null(field: Field, schema: Schema) -> Schema:
    if not isinstance(field.parent, OptionalNulls) or not takes_null(field):
        return schema
    if isinstance(schema.get("type"), str) and "enum" not in schema:
        return {**schema, "type": [schema["type"], "null"]}
    described = {"description": schema["description"]} if "description" in schema else {}
    others = {name: value for name, value in schema.items() if name != "description"}
    return {"oneOf": [others, NULL], **described}
