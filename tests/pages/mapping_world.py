"""Rows and fields that the tests of the Field Mappings page share."""

from __future__ import annotations

from typing import Any

from events.pages.mapping_rows import PageRow


def page_row(action: str = "sync", target: str = "subject", **more: Any) -> PageRow:
    made = {"key": f"k-{target}", "direction": "outbound", "action": action, "target": target, **more}
    if action not in ("set_static", "concat", "custom"):
        made.setdefault("source", "title")
    return PageRow(**made)


def value_list(source: str, target: str, pairs: dict[Any, Any], **more: Any) -> PageRow:
    entries = [{"compare": compare, "value": value} for compare, value in pairs.items()]
    return page_row("array_map", target, source=source, options={"mappings": entries}, **more)


def field(path: str, label: str = "", type: str = "text", **more: Any) -> dict[str, Any]:
    usual = {"required": False, "readonly": False, "custom": False, "choices": [], "note": ""}
    return {"path": path, "label": label or path, "type": type, **usual, **more}
