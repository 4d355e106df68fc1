"""How similar the submissions of a class are."""
