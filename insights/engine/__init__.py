"""What adds up and decides: no Django, no clock."""
