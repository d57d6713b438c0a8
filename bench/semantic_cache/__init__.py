"""How many questions a semantic cache answers, at which share of wrong answers."""
