"""Tokens of programs that use the API: made, shown once, revoked."""
