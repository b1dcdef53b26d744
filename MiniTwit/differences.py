"""What is different between two texts, as HTML. Its colours are the style sheet's: no page may hold styles."""

import re

from diff_match_patch import diff_match_patch
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from import_export.resources import Diff

COMPARED_SECONDS = 0.02  # then the rest of two texts is shown as replaced
TAGS = {
    diff_match_patch.DIFF_DELETE: "del",
    diff_match_patch.DIFF_INSERT: "ins",
    diff_match_patch.DIFF_EQUAL: "span",
}


def difference(before: str, after: str) -> SafeString:
    """What went and what came; a value without a space, such as a date or an address, is read as a whole."""
    if before and after and before != after and not re.search(r"\s", before + after):
        return format_html("<del>{}</del><ins>{}</ins>", before, after)
    compare = diff_match_patch()
    compare.Diff_Timeout = COMPARED_SECONDS
    differences = compare.diff_main(before, after)
    compare.diff_cleanupSemantic(differences)
    return format_html_join("", "<{0}>{1}</{0}>", ((TAGS[kind], text) for kind, text in differences))


class StyledBySheet(Diff):
    """Import-export's comparison of a row with what is stored."""

    def as_html(self) -> list[SafeString]:
        pairs = zip(self.left, self.right, strict=False)
        return [difference("" if self.new else str(before), str(after)) for before, after in pairs]
