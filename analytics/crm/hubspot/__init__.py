"""HubSpot as a destination: companies are written and read by its dated API."""
