"""The model card: what was decided on a promoted variant, in Hugging Face's form."""

from leanstage.card.check import check_card
from leanstage.card.read import signed_card
from leanstage.card.write import decision_card, model_card

__all__ = ["check_card", "decision_card", "model_card", "signed_card"]
