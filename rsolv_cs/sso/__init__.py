"""Login by an OpenID provider: settings alone turn it on, and what the provider says is checked here."""
