"""Rows of many statements, of which the database works at the next while those of the one before are taken."""
