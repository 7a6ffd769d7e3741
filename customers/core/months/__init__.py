"""Tables that PostgreSQL keeps in months."""
