"""What the API has: a module for each kind of row, which declares who may read it and what is told of it."""
