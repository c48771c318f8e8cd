"""What does a study show as one HTML page?"""

from study.reporting.page.contents import publish_page

__all__ = ["publish_page"]
