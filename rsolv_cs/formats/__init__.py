"""Let dates of the admin's lists, say, be written as our own pages write them."""
