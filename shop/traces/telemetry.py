"""Imported with OTEL_EXPORTER_OTLP_ENDPOINT only."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.pymongo import PymongoInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shop import traces
from shop.http import request_context
from shop.http.request_log import method_of, route_of


def start() -> None:
    """Trace requests, jobs, MongoDB commands (without their documents) and calls to Stripe and Cloudinary."""
    share = TraceIdRatioBased(settings.TRACED_PERCENT / 100)
    # Callers choose the trace's id, not whether it is kept.
    sampler = ParentBased(share, remote_parent_sampled=share, remote_parent_not_sampled=share)
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}), sampler=sampler)
    exporter = OTLPSpanExporter(endpoint=f"{settings.OTLP_ENDPOINT}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    PymongoInstrumentor().instrument()
    RequestsInstrumentor().instrument()
    traces.open_spans_with(trace.get_tracer("shop").start_as_current_span)


class TraceMiddleware:
    """Trace requests by route. Django's instrumentation adds paths and addresses, which may be personal data."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._tracer = trace.get_tracer("shop")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        parent = TraceContextTextMapPropagator().extract({"traceparent": request.headers.get("Traceparent", "")})
        method = method_of(request)
        with self._tracer.start_as_current_span(method, context=parent, kind=trace.SpanKind.SERVER) as span:
            request_context.bind_trace(trace.format_trace_id(span.get_span_context().trace_id))
            response = self.get_response(request)
            route = route_of(request)
            span.update_name(f"{method} {route}")
            span.set_attributes(
                {
                    "http.request.method": method,
                    "http.route": route,
                    "http.response.status_code": response.status_code,
                    "shop.request_id": request_context.current_request_id(),
                }
            )
            if response.status_code >= 500:
                span.set_status(trace.StatusCode.ERROR)
        return response
