"""A replica of PostgreSQL that pages are read from: which queries go there, and whether it is fit to be asked."""
