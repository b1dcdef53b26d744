"""The review queue: which messages wait, which moderator has which, and what they decide.

review.claim_next(moderator=...)   the next message that no other moderator has
review.decide(...)                 decide about it, unless another moderator did meanwhile
review.count_waiting()             how much there is to do, counted to a bound
"""

from MiniTwit.review.claims import CLAIM_TIME, claim, claim_next, claimed_by, release
from MiniTwit.review.decisions import Refusal, decide, undo_decision, version_of, warn_author
from MiniTwit.review.queue import (
    Position,
    count_waiting,
    position_of,
    wait_reasons_of,
    waiting,
)
