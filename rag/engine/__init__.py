"""What retrieval is made of without Django: pure, or async."""
