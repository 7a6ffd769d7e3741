"""What people choose for themselves: time zone, hour of the digest, and the page that opens at login."""
