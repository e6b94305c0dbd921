"""What `generate.py` writes: the types of docs/openapi.json, and the synchronous client."""
