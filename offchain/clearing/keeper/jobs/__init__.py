"""The four jobs: each has a `turn` that does what is due and says when to look again."""
