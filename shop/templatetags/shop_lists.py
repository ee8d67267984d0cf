from typing import Any

from django.template import Context, Library
from unfold.templatetags.unfold_list import result_headers

from shop.admin.rows import rows_of

register = Library()


@register.inclusion_tag("admin/change_list_results.html", takes_context=True)
def shop_result_list(context: Context, change_list: Any) -> dict[str, Any]:
    headers = list(result_headers(change_list))
    return {
        "cl": change_list,
        "result_hidden_fields": [],
        "result_headers": headers,
        "num_sorted_fields": sum(bool(header["sortable"] and header["sorted"]) for header in headers),
        "results": rows_of(change_list, headers),
        "actions_row": context.get("actions_row"),
        "has_add_permission": change_list.model_admin.has_add_permission(context["request"]),
    }
