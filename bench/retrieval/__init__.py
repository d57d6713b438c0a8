"""How well passages are found, on collections with judged questions."""
