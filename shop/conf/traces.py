from shop.conf.base import checks, env

# OpenTelemetry's own variable. Without it nothing is traced or imported.
OTLP_ENDPOINT = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default="").rstrip("/")
if OTLP_ENDPOINT and not OTLP_ENDPOINT.startswith(("http://", "https://")):
    checks.report_unusable("OTEL_EXPORTER_OTLP_ENDPOINT must be an http:// or https:// address.")
# Share of the requests that are traced, in per cent, unless the caller decided.
TRACED_PERCENT = env.whole_number("TRACED_PERCENT", default=10, at_least=0, at_most=100)
SENTRY_DSN = env.str("SENTRY_DSN", default="")
