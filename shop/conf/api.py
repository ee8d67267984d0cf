from shop.api.description import API_DESCRIPTION, API_TAGS
from shop.conf.base import env

# For which shared caches may answer anonymous reads of the catalogue; 0 is not at all.
CATALOG_CACHE_SECONDS = env.whole_number("CATALOG_CACHE_SECONDS", default=0, at_least=0, at_most=3600)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.AccessTokenAuthentication",
        "accounts.api_keys.authentication.ApiKeyAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["shop.api.permissions.HasAccount"],
    "DEFAULT_RENDERER_CLASSES": ["shop.api.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["shop.api.parsers.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "shop.api.pagination.NewestFirstPagination",
    "DEFAULT_SCHEMA_CLASS": "shop.api.schema.AutoSchema",
    "DEFAULT_METADATA_CLASS": "shop.api.metadata.Metadata",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    # Formatted by the renderer.
    "DATETIME_FORMAT": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "DEFAULT_THROTTLE_CLASSES": ["shop.api.rate_limits.RateLimit"],
    "NUM_PROXIES": env.whole_number("TRUSTED_PROXIES", default=0, at_least=0, at_most=10),
}
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "shop.api.error_responses.ExceptionHandler",
    "EXCEPTION_FORMATTER_CLASS": "shop.api.error_responses.ExceptionFormatter",
    "ENABLE_IN_DEBUG_FOR_UNHANDLED_EXCEPTIONS": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Shop",
    "DESCRIPTION": API_DESCRIPTION,
    "TAGS": API_TAGS,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    # Two components have it.
    "ENUM_NAME_OVERRIDES": {"OrderStatusEnum": "orders.statuses.OrderStatus"},
    "VERSION": "1.0.0",
    "LICENSE": {"name": "MIT", "identifier": "MIT"},
    "SERVERS": [{"url": "/", "description": "The server of this description."}],
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "COMPONENT_SPLIT_REQUEST": True,
    # Named by permission classes.
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "cartToken": {"type": "apiKey", "in": "header", "name": "X-Cart-Token"},
            "orderToken": {"type": "apiKey", "in": "header", "name": "X-Order-Token"},
        }
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": True, "deepLinking": True, "docExpansion": "list"},
    "PREPROCESSING_HOOKS": ["shop.api.schema.add_trailing_slashes"],
    "POSTPROCESSING_HOOKS": [
        "shop.api.schema_fields.describe_fields",
        "drf_spectacular.hooks.postprocess_schema_enums",
        "shop.api.schema.add_headers",
        "shop.api.schema.add_input_rules",
        "shop.api.schema_fields.unwrap_references",
        "shop.api.schema_errors.share_errors",
        "shop.api.schema.share_parameters",
    ],
}
# Per request body; each image adds MAX_IMAGE_BYTES.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
# Size of a call with up to 1,000 rows.
MAX_BULK_BYTES = 8 * 1024 * 1024
BULK_PATHS = r"/api/v1/(products|stock|prices)/bulk/?$"
# The admin's form of a product with 500 variants, the maximum of an import.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 8_000
MAX_IMAGE_BYTES = 10 * 1024 * 1024
MAX_IMAGE_PIXELS = 40_000_000
# Per admin page.
MAX_IMAGES_AT_ONCE = 20
