"""The API over HTTP: who may ask, what is answered, and how it says that it cannot be."""
