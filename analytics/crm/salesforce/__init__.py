"""Salesforce as a destination: accounts are written by Bulk API 2.0, and read by SOQL."""
