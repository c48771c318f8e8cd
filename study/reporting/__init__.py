"""How are results shown: tables, figures, a page?"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from study.reporting.markdown import as_markdown, maker
    from study.reporting.output_files import output_folder, writing
    from study.reporting.page import publish_page
    from study.reporting.summary import groups_of, print_study, publish_figures, tables_of, verdicts_of
    from study.reporting.tables import as_data, h1_verdicts, variants_table
else:
    from trainables.lazy import public_names

    _FILES = {
        "markdown": (
            "as_markdown",
            "maker",
        ),
        "output_files": ("output_folder", "writing"),
        "page": ("publish_page",),
        "summary": (
            "groups_of",
            "print_study",
            "publish_figures",
            "tables_of",
            "verdicts_of",
        ),
        "tables": (
            "as_data",
            "h1_verdicts",
            "variants_table",
        ),
    }
    __getattr__ = public_names(__name__, _FILES)

__all__ = [
    "as_data",
    "as_markdown",
    "groups_of",
    "h1_verdicts",
    "maker",
    "output_folder",
    "print_study",
    "publish_figures",
    "publish_page",
    "tables_of",
    "variants_table",
    "verdicts_of",
    "writing",
]
