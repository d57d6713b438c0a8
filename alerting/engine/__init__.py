"""What decides whether somebody is told: pure, without Django."""
