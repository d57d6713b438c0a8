"""What calls wasted, why figures moved, and what would be cheaper."""
