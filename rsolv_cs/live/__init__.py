"""The sockets by which open pages are told that the state has changed, and the process that keeps them."""
