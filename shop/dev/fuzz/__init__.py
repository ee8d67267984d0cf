"""Property-based tests of the API from its OpenAPI description, over HTTP (``manage.py fuzz``).

`furnishing` fills the shop, `people` authenticates, `scene` prepares single requests, `checks` are applied to every
answer, `examining` drives schemathesis, `tally` collects results, `running` is one run, `report` renders tables.
"""
