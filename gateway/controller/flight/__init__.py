"""The flight record: what the controller heard, decided and did, and how to run it again."""
