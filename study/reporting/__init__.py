"""How are results shown: tables, figures, a page?"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from study.reporting.answer import AnswerText, answer_in_words, headline
    from study.reporting.figures import save_gain_at_both_priors
    from study.reporting.markdown import as_markdown, maker, table_as_markdown
    from study.reporting.operating import AchievedTarget, achieved_targets, operating_table
    from study.reporting.output_files import output_folder, writing
    from study.reporting.own_folder import own_title
    from study.reporting.page import publish_page
    from study.reporting.summary import (
        answer_of,
        answer_text,
        groups_of,
        print_study,
        publish_figures,
        tables_of,
        verdicts_of,
    )
    from study.reporting.tables import (
        as_data,
        full_verdicts_table,
        h1_verdicts,
        how_verdicts_are_made,
        list_table,
        priors_table,
        trials_table,
        variants_overview,
        variants_table,
        verdicts_table,
    )
else:
    from trainables.common import public_names

    _FILES = {
        "answer": ("AnswerText", "answer_in_words", "headline"),
        "figures": ("save_gain_at_both_priors",),
        "markdown": (
            "as_markdown",
            "maker",
            "table_as_markdown",
        ),
        "operating": ("AchievedTarget", "achieved_targets", "operating_table"),
        "output_files": ("output_folder", "writing"),
        "own_folder": ("own_title",),
        "page": ("publish_page",),
        "summary": (
            "answer_of",
            "answer_text",
            "groups_of",
            "print_study",
            "priors_table",
            "publish_figures",
            "tables_of",
            "verdicts_of",
        ),
        "tables": (
            "as_data",
            "full_verdicts_table",
            "h1_verdicts",
            "how_verdicts_are_made",
            "list_table",
            "priors_table",
            "trials_table",
            "variants_overview",
            "variants_table",
            "verdicts_table",
        ),
    }
    __getattr__ = public_names(__name__, _FILES)

__all__ = [
    "AchievedTarget",
    "AnswerText",
    "achieved_targets",
    "answer_in_words",
    "answer_of",
    "answer_text",
    "as_data",
    "as_markdown",
    "full_verdicts_table",
    "groups_of",
    "h1_verdicts",
    "headline",
    "how_verdicts_are_made",
    "list_table",
    "maker",
    "operating_table",
    "output_folder",
    "own_title",
    "print_study",
    "priors_table",
    "publish_figures",
    "publish_page",
    "save_gain_at_both_priors",
    "table_as_markdown",
    "tables_of",
    "trials_table",
    "variants_overview",
    "variants_table",
    "verdicts_of",
    "verdicts_table",
    "writing",
]
