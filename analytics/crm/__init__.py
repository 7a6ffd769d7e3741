"""From the newest scored date to a CRM: what is pushed, by which adapter, and the ledger of it."""
