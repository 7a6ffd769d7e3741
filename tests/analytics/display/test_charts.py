"""Charts as data: what the script draws, and the same figures as rows of a table."""

import re
from dataclasses import replace

from django.template.loader import render_to_string

from analytics.display.charts import Chart, Mark, Series
from tests.support.pages import words

CHART = Chart(
    "scores",
    "Scores of <Acme>",
    "line",
    ["1 May", "2 May", "3 May"],
    [Series("Score", [40, None, 1045]), Series("</script>", [1, 2, 3], "at_risk")],
    marks=[Mark("2 May", "Policy A"), Mark("2 May", "Policy B")],
    addresses=["/one/?a=1&b=2", "", "/three/"],
)


def test_the_data_are_what_the_script_draws() -> None:
    assert CHART.data() == {
        "kind": "line",
        "stacked": False,
        "labels": ["1 May", "2 May", "3 May"],
        "series": [
            {"label": "Score", "tone": "accent", "values": [40, None, 1045], "former": False},
            {"label": "</script>", "tone": "at_risk", "values": [1, 2, 3], "former": False},
        ],
        "marks": [{"label": "2 May", "text": "Policy A"}, {"label": "2 May", "text": "Policy B"}],
        "addresses": ["/one/?a=1&b=2", "", "/three/"],
    }


def test_the_table_says_the_same_newest_first() -> None:
    assert list(CHART.rows()) == [
        ("3 May", "/three/", ["1,045", "3"], ""),
        ("2 May", "", ["–", "2"], "Policy A; Policy B"),
        ("1 May", "/one/?a=1&b=2", ["40", "1"], ""),
    ]


def test_a_label_of_the_table_is_a_link_where_it_leads_anywhere() -> None:
    html = render_to_string("analytics/display/chart.html", {"chart": CHART})
    assert re.findall(r'<th scope="row">(.*?)</th>', html) == [
        '<a href="/three/">3 May</a>',
        "2 May",
        '<a href="/one/?a=1&amp;b=2">1 May</a>',
    ]
    without = render_to_string("analytics/display/chart.html", {"chart": replace(CHART, addresses=())})
    assert "<a " not in without and '"addresses": []' in without


def test_hostile_labels_stay_text() -> None:
    html = render_to_string("analytics/display/chart.html", {"chart": CHART})
    assert html.count("</script>") == 1
    assert "<Acme>" not in html
    assert words(html).endswith("3 May 1,045 3 2 May – 2 Policy A; Policy B 1 May 40 1")
