"""How far answers rest on passages: sentence by sentence, by arithmetic on the processor, without asking a model."""
