"""Webhooks: whom events are told, how they are signed and sent, and what came of each."""
