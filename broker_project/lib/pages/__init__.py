"""What the admin pages of all apps share."""

from .buttons import Act, ActForm, Banner, DetailPage
from .lists import CappedPaginator, ExactFilter, ExactSearch, FieldedForm, PrunableList, ReadOnly, RowForm
from .sections import Section, Table, Text, copyable, link, listing, pretty, to_change, to_list

__all__ = [
    "Act",
    "ActForm",
    "Banner",
    "CappedPaginator",
    "DetailPage",
    "ExactFilter",
    "ExactSearch",
    "FieldedForm",
    "PrunableList",
    "ReadOnly",
    "RowForm",
    "Section",
    "Table",
    "Text",
    "copyable",
    "link",
    "listing",
    "pretty",
    "to_change",
    "to_list",
]
