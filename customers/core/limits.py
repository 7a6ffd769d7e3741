"""How many rows or bytes are in memory together, for all who read or write many."""

BATCH_SIZE = 500
"""Rows with texts of any length, and rows that one statement writes or deletes."""
FETCH_SIZE = 2_000
"""Rows of short values that a cursor gives at once."""
SPOOL_MAX_SIZE = 8 * 2**20
"""The bytes of a file that is kept in memory; a larger one goes to the disk."""
