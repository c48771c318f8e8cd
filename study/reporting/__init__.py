"""How are results shown: tables, figures, a page?"""

from study.reporting.markdown import as_markdown, maker
from study.reporting.page.contents import publish_page
from study.reporting.summary import groups_of, print_study, publish_figures, tables_of, verdicts_of
from study.reporting.tables.export_tables import h1_statistic, variants_table
from study.reporting.tables.tables import as_data

__all__ = [
    "as_data",
    "as_markdown",
    "groups_of",
    "h1_statistic",
    "maker",
    "print_study",
    "publish_figures",
    "publish_page",
    "tables_of",
    "variants_table",
    "verdicts_of",
]
