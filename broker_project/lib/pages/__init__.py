"""What the admin pages of all apps share."""

from .buttons import Act, ActForm, Banner, DetailPage, FactsLast
from .changes import Audited
from .forms import JSON_FIELDS, FieldedForm, RowForm
from .lists import CappedPaginator, ExactFilter, ExactSearch, PrunableList, ReadOnly
from .sections import Section, Table, Text, copyable, display, label, link, listing, moment, pretty, to_change, to_list

__all__ = [
    "JSON_FIELDS",
    "Act",
    "ActForm",
    "Audited",
    "Banner",
    "CappedPaginator",
    "DetailPage",
    "ExactFilter",
    "ExactSearch",
    "FactsLast",
    "FieldedForm",
    "PrunableList",
    "ReadOnly",
    "RowForm",
    "Section",
    "Table",
    "Text",
    "copyable",
    "display",
    "label",
    "link",
    "listing",
    "moment",
    "pretty",
    "to_change",
    "to_list",
]
