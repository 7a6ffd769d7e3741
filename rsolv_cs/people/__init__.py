"""Accounts: invitations, forgotten passwords, the list of users, and roles."""
