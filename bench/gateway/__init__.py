"""What a call through the gateway costs beside the same call made directly."""
