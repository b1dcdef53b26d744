"""The watch-list: words, phrases and regular expressions that messages are looked through for.

watchlist.check(kind, pattern)    may this be a term?
watchlist.preview(kind, pattern)  how many of the newest messages it matches
watchlist.request_scan()          look through what is new, in the background
watchlist.scan()                  the same, in this process
watchlist.mark(text, hits)        the text as HTML, with what was found marked
"""

from MiniTwit.watchlist.expressions import PatternError, check, preview
from MiniTwit.watchlist.marking import mark
from MiniTwit.watchlist.scanning import scan, start_afresh, start_over
from MiniTwit.watchlist.tasks import delete_term, request_scan, request_scan_if_behind, standing
