"""django-import-export's view of the feeds: the columns of docs/csv-feeds.md, each cell safe for spreadsheets."""

from django.db.models import Model
from import_export.fields import Field
from import_export.resources import ModelResource, modelresource_factory

from customers.feeds.cell_types import to_cell
from customers.feeds.declarations import FEEDS
from customers.text.cells import safe_cell


class FeedResource(ModelResource):
    """Exports what is stored as the feed's cells."""

    def export_field(self, field: Field, instance: Model, **_options: object) -> str | int:
        """Return one cell, as ``write_feeds`` would write it; a number stays one for spreadsheets to sum."""
        value = getattr(instance, field.column_name)
        return value if type(value) is int else safe_cell(to_cell(value))


RESOURCES: dict[type[Model], type[FeedResource]] = {
    feed.model: modelresource_factory(
        feed.model,
        resource_class=FeedResource,
        meta_options={"fields": feed.column_names, "export_order": feed.column_names},
        # By hand, because Django's own name of the field behind customer_id is customer.
        custom_fields={name: Field(attribute=name, column_name=name) for name in feed.column_names},
    )
    for feed in FEEDS.values()
}
"""The resource of each feed's model."""
