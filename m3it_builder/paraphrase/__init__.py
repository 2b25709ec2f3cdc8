"""Publish a sentence of a language model in place of a short answer, where it says the same.

``acceptance.judge`` decides that; a sentence that is not accepted is replaced by the fallback of
``stages.template``. The modules beside it have one rule each, or what two rules need; the lists of
words and the limits are data, in ``words.yaml``.
"""
