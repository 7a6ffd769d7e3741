"""How dates are written where a page does not say so itself, as in the admin's lists: as our own pages write them."""
