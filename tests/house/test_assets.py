"""Our own styles and scripts stay small in all; what one page loads of them is looked at in a browser."""

from django.conf import settings

MAX_BYTES = 182_000
OURS = ("analytics", "customers", "rsolv_cs")


def test_our_styles_and_scripts_are_under_182_kb_together() -> None:
    folders = [settings.BASE_DIR / app / "static" for app in OURS]
    sizes = {
        path.name: path.stat().st_size
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix in {".css", ".js"}
    }
    assert {"analytics.css", "charts.js"} <= sizes.keys()
    assert sum(sizes.values()) < MAX_BYTES, sizes
