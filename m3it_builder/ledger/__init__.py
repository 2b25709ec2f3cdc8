"""The ledger: answers of language models by request, and a log of what was sent and paid."""
