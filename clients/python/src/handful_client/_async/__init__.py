"""The client, in one of its two forms."""
