"""What a report says, and how two stretches of time compare: no Django, no clock."""
